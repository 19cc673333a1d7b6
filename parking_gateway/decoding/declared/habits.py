"""The habits of vendors' scripts: what is run before a script, how its decoding function is found, and its modules.

TS013 asks for a function `decodeUplink` and nothing else. Scripts are tried in Node.js, so they also export it, print, and
read bytes with `Buffer`. What a script does not mention is not given, because each frame pays for it.
"""

import pkgutil
import re
from collections.abc import Iterator
from typing import Final

_BUFFER: Final = (pkgutil.get_data(__name__, "buffer.js") or b"").decode()
_CONSOLE: Final = """
globalThis.console = {};
for (const name of ["log", "info", "warn", "error", "debug", "trace", "dir", "table", "time", "timeEnd", "assert"]) {
  console[name] = () => undefined;
}
"""
_MODULE: Final = """
globalThis.module = { exports: {} };
globalThis.exports = module.exports;
"""
_GLOBAL: Final = "globalThis.global = globalThis;\n"
_TEXTS: Final = """
globalThis.TextDecoder = class { decode(bytes) { return Buffer.from(bytes).toString("utf8"); } };
globalThis.TextEncoder = class { encode(text) { return new Uint8Array(Buffer.from(text)); } };
"""

_GIVEN: Final = (
    (re.compile(r"\b(?:Buffer|TextDecoder|TextEncoder)\b"), _BUFFER),
    (re.compile(r"\b(?:TextDecoder|TextEncoder)\b"), _TEXTS),
    (re.compile(r"\bconsole\b"), _CONSOLE),
    (re.compile(r"\bexports?\b|\bimport\b"), _MODULE),
    (re.compile(r"\bglobal\b"), _GLOBAL),
)

_BEGIN: Final = r"(^[ \t]*|[;}][ \t]*)"
"""Where a statement can begin."""
_IS_MODULE: Final = re.compile(
    _BEGIN
    + r"(?:export\s+(?:default|async|function|const|let|var|class)\b|export\s*\{|import\b[^;\n(]*[\"'][ \t]*(?:;|$))",
    re.MULTILINE,
)
_EXPORTED: Final = re.compile(
    _BEGIN + r"export\s+((?:async\s+)?(?:function\s*\*?|const|let|var|class)\s*([A-Za-z_$][\w$]*))", re.MULTILINE
)
_DEFAULT: Final = re.compile(_BEGIN + r"export\s+default\s+", re.MULTILINE)
_LIST: Final = re.compile(_BEGIN + r"export\s*\{([^}]*)\}[ \t]*;?", re.MULTILINE)
_IMPORT: Final = re.compile(
    _BEGIN + r"import\s*(?:([A-Za-z_$][\w$]*)|\*\s*as\s+([A-Za-z_$][\w$]*)|\{([^}]*)\})\s*from\s*([\"'][^\"']+[\"'])",
    re.MULTILINE,
)


def parts(script: str) -> list[str]:
    """Return the texts that run one after the other in a fresh context: what the script needs, and the script."""
    needed = "".join(_needed(script))
    return [f"{text}\n;undefined" for text in (needed, without_modules(script)) if text]


def without_modules(script: str) -> str:
    """Return an ES module as a script in strict mode, which exports to `module.exports`. Any other script is unchanged."""
    if not _IS_MODULE.search(script):
        return script
    names = [match[3] for match in _EXPORTED.finditer(script)]
    script = _EXPORTED.sub(r"\1\2", script)
    script = _DEFAULT.sub(r"\1module.exports.default = ", script)
    script = _LIST.sub(lambda match: f"{match[1]}Object.assign(module.exports, {{ {_pairs(match[2])} }});", script)
    script = _IMPORT.sub(_required, script)
    return f'"use strict";{script}\nObject.assign(module.exports, {{ {", ".join(names)} }});'


def _needed(script: str) -> Iterator[str]:
    for mention, text in _GIVEN:
        if mention.search(script):
            yield text


def _pairs(names: str) -> str:
    """Return `a as b, c` as `b: a, c: c`."""
    each = (re.split(r"\s+as\s+", name.strip()) for name in names.split(",") if name.strip())
    return ", ".join(f'"{words[-1]}": {words[0]}' for words in each)


def _required(match: re.Match[str]) -> str:
    indent, default, everything, names, file = match.groups()
    if file[1] != ".":
        return f"{indent}throw new Error('the module ' + {file} + ' is not here');"
    if names is not None:
        taken = re.sub(r"\s+as\s+", ": ", names)
        return f"{indent}const {{ {taken} }} = require({file})"
    if everything is not None:
        return f"{indent}const {everything} = require({file})"
    return f"{indent}const {default} = (module => module.default ?? module)(require({file}))"
