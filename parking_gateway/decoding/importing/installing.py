"""Installs a codec that was tried: its script, its declaration and its vectors, as they were just decoded with."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from decoders import Frame, Reading, Undecodable
from decoders.conformance import NOON, Vector
from parking_gateway.core.utc import in_utc
from parking_gateway.decoding import declared
from parking_gateway.decoding.declared.declaration import PORTS, FieldSource, Imported, Unusable, read
from parking_gateway.decoding.guests.process import GuestStopped
from parking_gateway.decoding.importing import writing
from parking_gateway.decoding.importing.patience import patient
from parking_gateway.decoding.importing.preparing import Prepared
from parking_gateway.decoding.importing.published import Checkout, Example, NotUsable

VECTORS: Final = "vectors"
"""The folder beneath that of the codecs, because every other TOML there is a codec."""


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a codec, ready to be written."""

    name: str
    script: str
    declaration: str
    vectors: str
    count: int
    """The number of the examples among the vectors."""


def texts(
    prepared: Prepared,
    checkout: Checkout,
    *,
    name: str,
    sources: Mapping[str, FieldSource],
    sizes: Mapping[int, frozenset[int]],
) -> Texts:
    """Return the files of a codec, after every example was decoded with them. Raises `NotUsable`."""
    codec = prepared.codec
    if not sources:
        raise NotUsable("nothing in its examples is a field of a reading: name one with --map")
    if not sizes:
        raise NotUsable("no example has a port and bytes: name them with --port, such as --port 1=4-12")
    declaration = writing.declaration(
        vendor=codec.vendor_name,
        model=", ".join(codec.models.values())[:200],
        imported=_imported(prepared, checkout),
        sizes=sizes,
        sources=sources,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{name}.toml"
        _write(file, declaration)
        _write(file.with_suffix(".js"), codec.text)
        vectors = list(_vectors(prepared, file, source=f"{checkout.repository}, {codec.script}"))
    has_occupancy = any("occupancy" in (vector.reading or {}) for vector in vectors)
    return Texts(
        name=name,
        script=codec.text,
        declaration=declaration,
        vectors=writing.vectors(vectors, silent=None if has_occupancy else "no example of the vendor has an occupancy"),
        count=len(vectors) - 1,
    )


def install(ready: Texts, folder: Path, *, may_replace: bool) -> list[Path]:
    """Write the files of a codec and return their paths. Raises `NotUsable`, and has then changed nothing."""
    declaration = folder / f"{ready.name}.toml"
    # The script comes before its declaration: without it, the declaration alone would be another codec.
    files = {
        folder / VECTORS / declaration.name: ready.vectors,
        declaration.with_suffix(".js"): ready.script,
        declaration: ready.declaration,
    }
    there = [file for file in (*files, declaration.with_suffix(".py")) if file.exists()]
    if there and not may_replace:
        raise NotUsable(f"{there[0]} exists already: --replace replaces it, and --name chooses another name")
    if declaration.with_suffix(".py") in there:
        raise NotUsable(f"{declaration.with_suffix('.py')} is a codec in Python: choose another name with --name")
    try:
        (folder / VECTORS).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            _write(file, text)
    except OSError as error:
        raise NotUsable(f"{error.filename or folder} cannot be written: {error.strerror}") from None
    return list(files)


def changed_since(declaration: Path) -> str | None:
    """Return a sentence if the script beside a declaration is not the imported one any more."""
    try:
        imported = read(declaration).imported
        if imported is None or _checksum(declaration.with_suffix(".js").read_text(encoding="utf-8")) == imported.sha256:
            return None
    except (OSError, ValueError):
        return None  # which its own test names
    return f"{declaration.with_suffix('.js').name} was changed after its import from {imported.repository}"


def lacks_range(declaration: Path) -> bool:
    """Return whether a declaration decides by a distance, and does not state what the sensor can measure."""
    try:
        sources = read(declaration).reading
    except ValueError:
        return False  # which its own test names
    return sources.decides_by_distance and sources.distance_mm is not None and sources.distance_mm.range is None


def _imported(prepared: Prepared, checkout: Checkout) -> Imported:
    return Imported(
        repository=checkout.repository,
        file=prepared.codec.script,
        commit=checkout.commit or "unknown",
        licence=checkout.licence,
        sha256=_checksum(prepared.codec.text),
    )


def _checksum(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()


def _vectors(prepared: Prepared, declaration: Path, *, source: str) -> Iterator[Vector]:
    """Yield a vector for each example, and one of a frame that is no frame of the device."""
    try:
        decode = patient(declared.load(declaration).decode)
    except Unusable as mistake:
        raise NotUsable(str(mistake)) from None
    ports = read(declaration).sizes()
    for outcome in prepared.decoded:
        example = outcome.example
        if example.port is None or example.port not in PORTS or example.payload is None:
            continue
        frame = Frame(port=example.port, payload=example.payload, received_at=_received_at(example))
        try:
            reading = decode(frame)
        except (Undecodable, GuestStopped) as refusal:
            if example.data and len(frame.payload) in ports.get(frame.port, ()):
                raise NotUsable(f"the example {example.name!r} is refused: {refusal}") from None
            yield _vector(frame, example.name, source, None, ())
            continue
        shorter = [length for length in ports[frame.port] if length < len(frame.payload)]
        good = tuple(length for length in sorted(shorter) if _is_decoded(decode, frame, length))
        yield _vector(frame, example.name, source, reading, good)
    empty = Frame(port=min(ports), payload=b"", received_at=NOON)
    yield _vector(empty, "an empty payload", "none: a device sends no empty frame", None, ())


def _received_at(example: Example) -> datetime:
    """Return when the frame of an example was received; a fixed time if the example has none."""
    try:
        time = datetime.fromisoformat(str(example.input.get("recvTime")))
    except ValueError:
        return NOON
    known = in_utc(time) if time.tzinfo else None
    return known.replace(microsecond=0) if known else NOON


def _is_decoded(decode: declared.Decode, frame: Frame, length: int) -> bool:
    try:
        decode(msgspec.structs.replace(frame, payload=frame.payload[:length]))
    except (Undecodable, GuestStopped):
        return False
    return True


def _vector(frame: Frame, name: str, source: str, reading: Reading | None, short_ok: tuple[int, ...]) -> Vector:
    return Vector(
        name=name,
        source=source,
        port=frame.port,
        payload=frame.payload.hex(),
        received_at=frame.received_at,
        reading=None if reading is None else msgspec.to_builtins(reading),
        undecodable=reading is None,
        short_ok=short_ok,
    )


def _write(file: Path, text: str) -> None:
    """Write a file at once: another program sees the old one or the new one, and no half."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, file)  # noqa: PTH105 - the name of the function says what it does
