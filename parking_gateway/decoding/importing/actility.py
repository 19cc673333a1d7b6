"""The layout of actility/device-catalog.

`vendors/<vendor>/drivers/<driver>/` holds a driver: `driver.yaml` with its `protocolId` and the signature of its functions,
`package.json` with the name of its script, the script, and `examples.json`. `vendors/<vendor>/models/<model>/model.yaml`
describes a device and names its driver by the `protocolId`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from parking_gateway.decoding.importing.bundle import bundled
from parking_gateway.decoding.importing.files import Files
from parking_gateway.decoding.importing.published import Example, Mistake, NotUsable, Published
from parking_gateway.decoding.importing.shapes import mappings, members, text_of, words_of

_SCRIPTS: Final = ("index.js", "main.js")
_BARE: Final = frozenset({"ttn", "chirpstack"})
"""The signatures of functions that return the data alone."""


def codecs(files: Files) -> Iterator[Published | Mistake]:
    """Yield each driver, with the devices that it reads."""
    vendors = sorted({path.split("/")[1] for path in files.matching("vendors/*/drivers/*/driver.yaml")})
    for vendor in vendors:
        about = _read(files, f"vendors/{vendor}/vendor.yaml")
        models: dict[str, Mapping[str, Any]] = {}
        for path in files.matching(f"vendors/{vendor}/models/*/model.yaml"):
            models[path.split("/")[3]] = _read(files, path)
        for path in files.matching(f"vendors/{vendor}/drivers/*/driver.yaml"):
            try:
                yield _driver(files, path, text_of(about, "name") or vendor, models)
            except NotUsable as mistake:
                yield Mistake(file=path, why=str(mistake))


def _read(files: Files, path: str) -> Mapping[str, Any]:
    """Return the content of a file that only describes; nothing if it cannot be read."""
    try:
        return members(files.yaml(path))
    except NotUsable:
        return {}


def _driver(files: Files, path: str, title: str, models: Mapping[str, Mapping[str, Any]]) -> Published:
    folder = path.removesuffix("/driver.yaml")
    about = members(files.yaml(path))
    protocol = text_of(about, "protocolId")
    used = {name: model for name, model in models.items() if protocol and text_of(model, "protocolId") == protocol}
    script = _script(files, folder)
    examples = f"{folder}/examples.json"
    return Published(
        vendor=path.split("/")[1],
        vendor_name=title,
        models={name: text_of(model, "name") or name for name, model in used.items()}
        or {folder.rpartition("/")[2]: text_of(about, "name") or folder.rpartition("/")[2]},
        words=words_of([about.get("description"), *(model.get(k) for model in used.values() for k in _ABOUT)]),
        script=script,
        text=bundled(files, script),
        examples=tuple(_examples(files.json(examples), bare=text_of(about, "signature") in _BARE))
        if files.has(examples)
        else (),
    )


_ABOUT: Final = ("name", "description", "sensors")


def _script(files: Files, folder: str) -> str:
    named: list[str] = []
    if files.has(f"{folder}/package.json"):
        main = text_of(members(files.json(f"{folder}/package.json")), "main")
        named = [main.replace("\\", "/").removeprefix("./")] if main else []
    for name in (*named, *(f"{name}.js" for name in named), *_SCRIPTS):
        if files.has(f"{folder}/{name}"):
            return f"{folder}/{name}"
    raise NotUsable(f"it has no script: neither {' nor '.join((*named, *_SCRIPTS))} is there")


def _examples(document: Any, *, bare: bool) -> Iterator[Example]:
    for number, example in enumerate(mappings(document), start=1):
        if example.get("type") != "uplink":
            continue
        given = dict(members(example.get("input")) or example)
        given["bytes"] = _bytes(given.get("bytes"))
        output = example["output"] if "output" in example else example.get("data")
        yield Example(
            name=text_of(example, "description") or f"example {number}",
            input=given,
            output={"data": output} if bare else output,
            is_dated=False,
            context=(given.get("context") or []) if example.get("useContext") else None,
        )


def _bytes(value: Any) -> Any:
    """Return a list of numbers for a text of hexadecimal digits."""
    if not isinstance(value, str):
        return value
    digits = re.match(r"(?:[0-9a-fA-F]{2})*", value)
    return list(bytes.fromhex(digits[0] if digits else ""))
