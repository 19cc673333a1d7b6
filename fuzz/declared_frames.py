"""The declared path: TOML texts, values at declared paths, and payloads for a vendor's script.

The first byte of an input chooses a declaration. For one without a script the other bytes are ChirpStack's object, and for one
with a script they are the port and the payload.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from decoders import Frame, conformance
from fuzz.bending import bent_json
from fuzz.codec_frames import obey
from fuzz.target import Broken, FuzzTarget
from parking_gateway.decoding import codecs
from parking_gateway.decoding.declared import Unusable, declaration
from parking_gateway.decoding.guests.process import GuestStopped

FOLDER: Final = Path(__file__).parents[1] / "tests" / "decoding" / "declared" / "vendors"
EXAMPLES: Final = Path(__file__).parents[1] / "benchmarks" / "vendors"
LONGEST: Final = 2048
_SEEDS: Final[tuple[dict[str, Any], ...]] = (
    {"occupied": True, "battery": 3.6, "raw": [12]},
    {"occupied": False, "battery": None, "raw": []},
    {"occupied": "yes", "battery": "3.6", "raw": {"0": 1}},
)


def try_a_frame(data: bytes) -> None:
    """Decode a frame with a declared codec. The law is that of all codecs."""
    codec, frame = _frame(data)
    decode = codecs.bind(codec, {"occupied_below_mm": "1500"} if codec.device.measures_distance else {})
    try:
        obey(conformance.outcome(decode, frame), conformance.outcome(decode, frame), codec.device)
    except GuestStopped:
        return  # a script has 50 ms, which a busy machine does not always give


def frames() -> Iterator[bytes]:
    """Yield objects, and payloads of the sizes that the scripts read."""
    for number, name in enumerate(_names()):
        if _has_script(name):
            yield from (
                bytes([number, port]) + bytes.fromhex(payload) for port in (1, 2, 3, 85) for payload in _PAYLOADS
            )
        else:
            yield from (bytes([number]) + json.dumps(one).encode() for one in _SEEDS)


_PAYLOADS: Final = ("00", "010e10", "00000e1001", "0107", "015f020096", "020000", "02ffff")


def described(data: bytes) -> str:
    """Return the frame for `parking-gateway decode -`."""
    codec, frame = _frame(data)
    return f"{codec.name}, port {frame.port}, payload {frame.payload.hex()!r}, object {frame.object!r}"


def bent(data: bytes, random: Random) -> bytes | None:
    """Change one value of an object."""
    return bent_json(data[:1], data[1:], random)


def try_a_declaration(data: bytes) -> None:
    """Read any bytes as the TOML of a declared codec. The law: a declaration with a device, or one sentence."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "fuzzed.toml")
        file.write_bytes(data)
        try:
            declaration.read(file).device()
        except Unusable as mistake:
            if not str(mistake):
                raise Broken("a mistake without a sentence") from mistake


def declarations() -> Iterator[bytes]:
    """Yield the declarations of the tests and of the benchmarks."""
    for file in sorted((*FOLDER.glob("*.toml"), *EXAMPLES.glob("*.toml"))):
        yield file.read_bytes()


def _frame(data: bytes) -> tuple[codecs.Codec, Frame]:
    names = _names()
    name = names[int.from_bytes(data[:1]) % len(names)]
    codec = codecs.find(name, dropins=FOLDER)
    if _has_script(name):
        return codec, Frame(port=max(1, int.from_bytes(data[1:2])), payload=data[2:66], received_at=conformance.NOON)
    try:
        found = msgspec.json.decode(data[1:])  # as the gateway reads an event
    except (ValueError, RecursionError):
        found = {}
    port = codec.device.ports[0]
    frame = Frame(
        port=port, payload=b"\0\0\0", received_at=conformance.NOON, object=found if isinstance(found, dict) else {}
    )
    return codec, frame


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


@cache
def _has_script(name: str) -> bool:
    return (FOLDER / f"{name}.js").is_file()


FRAMES: Final = FuzzTarget(try_a_frame, frames, described, LONGEST, bent)
DECLARATIONS: Final = FuzzTarget(
    try_a_declaration, declarations, lambda data: data.decode(errors="replace") or "empty", LONGEST
)
