"""The layout of TheThingsNetwork/lorawan-devices.

`vendor/index.yaml` lists the vendors. `vendor/<vendor>/index.yaml` lists the devices, `<device>.yaml` describes one, and names
for each firmware and region the file `<codec>.yaml`, which names the script and holds the examples.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from parking_gateway.decoding.importing.bundle import bundled
from parking_gateway.decoding.importing.files import Files
from parking_gateway.decoding.importing.published import NORMALIZE, Example, Mistake, NotUsable, Published
from parking_gateway.decoding.importing.shapes import mappings, members, text_of, words_of


def codecs(files: Files) -> Iterator[Published | Mistake]:
    """Yield each codec once, with all devices that it reads."""
    names = {
        str(vendor.get("id")): text_of(vendor, "name") or str(vendor.get("id"))
        for vendor in mappings(members(files.yaml("vendor/index.yaml")).get("vendors"))
    }
    folders = {path.split("/")[1] for path in files.matching("vendor/*/*.yaml")}
    for vendor in sorted(folders):
        yield from _of_vendor(files, vendor, names.get(vendor, vendor))


def _of_vendor(files: Files, vendor: str, title: str) -> Iterator[Published | Mistake]:
    documents: dict[str, Mapping[str, Any]] = {}
    for path in files.matching(f"vendor/{vendor}/*.yaml"):
        try:
            documents[path] = members(files.yaml(path))
        except NotUsable as mistake:
            yield Mistake(file=path, why=str(mistake))
    devices = {_stem(path): document for path, document in documents.items() if "firmwareVersions" in document}
    for path, document in documents.items():
        decoder = members(document.get("uplinkDecoder"))
        if not decoder:
            continue
        codec = _stem(path)
        used = {name: device for name, device in devices.items() if codec in _codecs_of(device)}
        try:
            script, text = _script(files, vendor, decoder)
        except NotUsable as mistake:
            yield Mistake(file=path, why=str(mistake))
            continue
        yield Published(
            vendor=vendor,
            vendor_name=title,
            models={name: text_of(device, "name") or name for name, device in used.items()} or {codec: codec},
            words=words_of([device.get(key) for device in used.values() for key in ("name", "description", "sensors")]),
            script=script,
            text=text,
            examples=tuple(_examples(decoder)),
        )


def _script(files: Files, vendor: str, decoder: Mapping[str, Any]) -> tuple[str, str]:
    name = text_of(decoder, "fileName")
    if name is None:
        raise NotUsable("uplinkDecoder has no fileName")
    path = f"vendor/{vendor}/{name}"
    return path, bundled(files, path)


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".yaml")


def _codecs_of(device: Mapping[str, Any]) -> set[str]:
    versions = mappings(device.get("firmwareVersions"))
    profiles = [members(profile) for version in versions for profile in members(version.get("profiles")).values()]
    return {codec for profile in profiles if (codec := text_of(profile, "codec"))}


def _examples(decoder: Mapping[str, Any]) -> Iterator[Example]:
    for number, example in enumerate(mappings(decoder.get("examples")), start=1):
        name = text_of(example, "description") or f"example {number}"
        given, output = members(example.get("input")), example.get("output")
        if "output" in example:
            yield Example(name=name, input=given, output=output)
        if "normalizedOutput" in example:
            yield Example(
                name=f"{name} (normalized)",
                function=NORMALIZE,
                input=members(output),
                output=_as_list(members(example["normalizedOutput"])),
            )


def _as_list(output: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return it with a list as `data`. A normalizer may return one object or a list of them."""
    data = output.get("data")
    return {**output, "data": [data]} if isinstance(data, dict) else output
