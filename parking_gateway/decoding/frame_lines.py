"""Frames as people and scripts write them, and a line of JSON as the answer to each. Pure, and never at a loss.

A question is `{"codec": …, "fPort": …, "hex": …}`, with `"options": {…}` where the codec needs some, and `"object": {…}` for one that
reads what ChirpStack has decoded. The answer is the reading in the words of the published state, or `{"undecodable": why}`.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from decoders import Frame, Reading
from parking_gateway.core.events import Reason, Rejection
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import attempt

PORTS: Final = range(1, 256)


class BadFrame(ValueError):  # noqa: N818 - what was typed is none, and nothing has failed
    """What was written is no frame. The message says what about it is not."""


def frame_of(*, port: int, text: str, received_at: datetime) -> Frame:
    """The frame that is written as a port and hexadecimal digits, with or without blanks. Raises `BadFrame`."""
    if port == 0:
        raise BadFrame("port 0 carries MAC commands and is not decoded")
    if port not in PORTS:
        raise BadFrame(f"a port is 1 to 255, not {port}")
    try:
        payload = bytes.fromhex(text)
    except ValueError:
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
        raise BadFrame(f"{shown!r} is not hexadecimal: two digits, 0 to 9 or a to f, make a byte") from None
    if not payload:
        raise BadFrame("the payload is empty")
    return Frame(port=port, payload=payload, received_at=received_at)


def words(reading: Reading) -> dict[str, Any]:
    """What a reading says, as JSON has it: only what was said, but always an occupancy, which is None where none was."""
    return {"occupancy": None, **msgspec.to_builtins(reading)}


def answer(line: bytes, *, received_at: datetime, folder: Path | None = None) -> bytes:
    """The answer to one line, itself a line. Whatever the line holds, there is one, and nothing is raised.

    The frame is taken as received at `received_at`; codecs are also looked for in `folder`.
    """
    try:
        question = _read(line)
        frame = frame_of(port=question.port, text=question.hex, received_at=received_at)
        if question.object is not None:
            frame = msgspec.structs.replace(frame, object=question.object)
    except BadFrame as mistake:
        return _undecodable(str(mistake))
    except (ValueError, RecursionError) as mistake:  # of what is no JSON, no UTF-8, or nested without end
        return _undecodable(f"the line cannot be read: {mistake}")
    options = question.options or _NONE
    decode = _bound(question.codec, frozenset((name, _text(value)) for name, value in options.items()), folder)
    if isinstance(decode, str):
        return _undecodable(decode)
    said = attempt(decode, frame)
    return _undecodable(why_not(said)) if isinstance(said, Rejection) else _write(words(said)) + b"\n"


def why_not(rejection: Rejection) -> str:
    """Why a codec makes nothing of a frame: what it says itself or, where it broke, that it did."""
    return f"codec failed: {rejection.detail}" if rejection.reason is Reason.CODEC_FAILED else rejection.detail


class _Question(msgspec.Struct, frozen=True):
    codec: str
    port: int = msgspec.field(name="fPort")
    hex: str
    options: dict[str, str | int | float | bool] | None = None
    object: dict[str, Any] | None = None


_SHOWN: Final = 40
_NONE: Final[Mapping[str, str]] = {}
_read: Final = msgspec.json.Decoder(_Question).decode
_write: Final = msgspec.json.Encoder().encode


@lru_cache(maxsize=1024)
def _bound(name: str, options: frozenset[tuple[str, str]], folder: Path | None) -> codecs.Bound | str:
    try:
        return codecs.bind_assuming(codecs.find(name, dropins=folder), dict(options))
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        return str(mistake)


def _text(value: str | float) -> str:
    """A value of JSON as a CSV would say it: `1500`, `true`."""
    if isinstance(value, str):
        return value
    is_whole = isinstance(value, float) and value.is_integer()
    return _write(int(value) if is_whole else value).decode()


def _undecodable(reason: str) -> bytes:
    return _write({"undecodable": reason}) + b"\n"
