"""The layout of chirpstack/chirpstack-device-profiles.

`vendors/<vendor>/vendor.toml` names the vendor, `devices/<device>.toml` a device and the script of each firmware in `codecs/`.
The examples of `codecs/<name>.js` are in `codecs/test_decode_<name>.json`.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from parking_gateway.decoding.importing.bundle import bundled
from parking_gateway.decoding.importing.files import Files
from parking_gateway.decoding.importing.published import Example, Mistake, NotUsable, Published
from parking_gateway.decoding.importing.shapes import mappings, members, text_of, words_of


def codecs(files: Files) -> Iterator[Published | Mistake]:
    """Yield each codec once, with all devices that it reads."""
    for path in files.matching("vendors/*/vendor.toml"):
        vendor = path.split("/")[1]
        try:
            about = members(members(files.toml(path)).get("vendor"))
        except NotUsable as mistake:
            yield Mistake(file=path, why=str(mistake))
            about = {}
        yield from _of_vendor(files, vendor, text_of(about, "name") or vendor)


def _of_vendor(files: Files, vendor: str, title: str) -> Iterator[Published | Mistake]:
    devices: dict[str, Mapping[str, Any]] = {}
    for path in files.matching(f"vendors/{vendor}/devices/*.toml"):
        try:
            devices[PurePosixPath(path).stem] = members(members(files.toml(path)).get("device"))
        except NotUsable as mistake:
            yield Mistake(file=path, why=str(mistake))
    for script in files.matching(f"vendors/{vendor}/codecs/*.js"):
        name = PurePosixPath(script).name
        used = {device: about for device, about in devices.items() if name in _codecs_of(about)}
        tests = f"vendors/{vendor}/codecs/test_decode_{PurePosixPath(script).stem}.json"
        try:
            yield Published(
                vendor=vendor,
                vendor_name=title,
                models={device: text_of(about, "name") or device for device, about in used.items()}
                or {PurePosixPath(script).stem: PurePosixPath(script).stem},
                words=words_of([about.get(key) for about in used.values() for key in ("name", "description")]),
                script=script,
                text=bundled(files, script),
                examples=tuple(_examples(files.json(tests))) if files.has(tests) else (),
            )
        except NotUsable as mistake:
            yield Mistake(file=script, why=str(mistake))


def _codecs_of(device: Mapping[str, Any]) -> set[str]:
    return {codec for firmware in mappings(device.get("firmware")) if (codec := text_of(firmware, "codec"))}


def _examples(document: Any) -> Iterator[Example]:
    for number, example in enumerate(mappings(document), start=1):
        if "expected" in example:
            name = text_of(example, "name") or text_of(example, "description") or f"example {number}"
            yield Example(name=name, input=members(example.get("input")), output=example["expected"])
