"""A script together with the files of the checkout that it requires, as one text."""

import json
import posixpath
import re
from typing import Final

from parking_gateway.decoding.declared.habits import without_modules
from parking_gateway.decoding.importing.files import Files
from parking_gateway.decoding.importing.published import NotUsable

_REQUIRED: Final = re.compile(r"""(?:\brequire\s*\(\s*|\bfrom\s+)["'](\.{1,2}/[^"']+)["']""")
_MOST: Final = 50
"""Files of one script."""

_HEAD: Final = """globalThis.require = (files => {
  const kept = {};
  const within = folder => name => {
    const path = [];
    for (const part of `${folder}/${name}`.split("/")) {
      if (part === "..") path.pop(); else if (part !== "." && part !== "") path.push(part);
    }
    const file = ["", ".js", ".json", "/index.js"].map(end => path.join("/") + end).find(file => files[file]);
    if (!file) throw new Error(`require("${name}") is not possible here`);
    if (!kept[file]) {
      kept[file] = { exports: {} };
      files[file](kept[file], kept[file].exports, within(file.split("/").slice(0, -1).join("/")));
    }
    return kept[file].exports;
  };
  return within(FOLDER);
})({
FILES
});
"""


def bundled(files: Files, path: str) -> str:
    """Return the script at this path. With files that it requires, they come before it in one text. Raises `NotUsable`."""
    script = files.text(path)
    found: dict[str, str] = {}
    _collect(files, path, script, found)
    if not found:
        return script
    texts = ",\n".join(f"{json.dumps(name)}: {_function(name, text)}" for name, text in found.items())
    head = _HEAD.replace("FOLDER", json.dumps(posixpath.dirname(path))).replace("FILES", texts)
    return head + without_modules(script)


def _collect(files: Files, path: str, text: str, found: dict[str, str]) -> None:
    for name in _REQUIRED.findall(text):
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        file = next((place + end for end in ("", ".js", ".json", "/index.js") if _is_file(files, place + end)), None)
        if file is None or file in found:
            continue
        if len(found) == _MOST:
            raise NotUsable(f"{path} requires more than {_MOST} files")
        found[file] = files.text(file)
        _collect(files, file, found[file], found)


def _is_file(files: Files, path: str) -> bool:
    return files.has(path) and (files.root / path).is_file()


def _function(name: str, text: str) -> str:
    body = f"module.exports = {text};" if name.endswith(".json") else without_modules(text)
    return f"function (module, exports, require) {{ {body}\n}}"
