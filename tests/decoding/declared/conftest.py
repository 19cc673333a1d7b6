"""Declared codecs, from text that a test writes."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from decoders import Frame, Occupancy, Reading
from parking_gateway.core.events import Rejection
from parking_gateway.decoding import declared
from parking_gateway.decoding.declared import javascript
from parking_gateway.decoding.decoder import decode_frame

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

TOML = """
vendor = "Acme"
model = "X"

[ports]
1 = ["1-51"]

[reading]
occupancy = { path = "occupied", occupied = [true], vacant = [false] }
counter = { path = "count" }
"""

Decode = Callable[[Frame], Reading]
Declare = Callable[..., Decode]


def frame(payload: str, *, port: int = 1, object: dict[str, object] | None = None) -> Frame:  # noqa: A002 - its name
    return Frame(port=port, payload=bytes.fromhex(payload), received_at=NOON, object=object)


GOOD = Reading(occupancy=Occupancy.OCCUPIED, counter=3)
"""The reading of a `hostile` script for any other payload."""


def hostile(code: str) -> str:
    """Return a script that runs this code for a payload of 00, and returns `GOOD` for any other."""
    good = "return { data: { occupied: true, count: 3 } };"
    return f"function decodeUplink(input) {{ if (input.bytes[0] === 0) {{ {code} }} {good} }}"


def returning(data: str) -> str:
    return hostile(f"return {{ data: {data} }};")


def bad_and_next(decode: Decode) -> tuple[Reading | Rejection, Reading | Rejection]:
    return decode_frame(decode, frame("00")), decode_frame(decode, frame("01"))


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Make a codec of a declaration, with or without a script."""

    def declare(script: str | None, toml: str = TOML) -> Decode:
        (tmp_path / "acme.toml").write_text(toml)
        if script is not None:
            (tmp_path / "acme.js").write_text(dedent(script))
        decode: Decode = declared.load(tmp_path / "acme.toml").decode
        return decode

    return declare


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test machine may be busy. The time limit has tests of its own."""
    monkeypatch.setattr(javascript, "FRAME_SECONDS", 10)
