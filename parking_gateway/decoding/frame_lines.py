"""Decodes frames that are written as lines of JSON. Pure, and it never raises for the content of a line.

A line is `{"codec": …, "fPort": …, "hex": …}`. It may have `"options": {…}`, and `"object": {…}` for a codec that maps the
output of ChirpStack's own codec. The output is a line with the reading, in the words of the published state, or
`{"undecodable": why}`.
"""

import base64
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from decoders import Frame, Reading
from parking_gateway.core.events import Reason, Rejection
from parking_gateway.core.printable import shortened
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import decode_frame

PORTS: Final = range(1, 256)


class BadFrame(ValueError):  # noqa: N818 - the input is wrong, and nothing has failed
    """The input is no frame. The message contains the cause."""


def frame_of(*, port: int, text: str, received_at: datetime, is_base64: bool = False) -> Frame:
    """Return the frame of a port and of its payload, in hexadecimal digits with or without blanks, or in base64. Raises `BadFrame`."""
    if port == 0:
        raise BadFrame("port 0 carries MAC commands and is not decoded")
    if port not in PORTS:
        raise BadFrame(f"a port is 1 to 255, not {port}")
    try:
        payload = base64.b64decode("".join(text.split()), validate=True) if is_base64 else bytes.fromhex(text)
    except ValueError:
        shown = shortened(text, _LONGEST_TEXT)
        if is_base64:
            raise BadFrame(f"{shown!r} is not base64: copy the whole text of `data`, with any = at its end") from None
        raise BadFrame(f"{shown!r} is not hexadecimal: a byte is two digits, 0 to 9 or a to f") from None
    if not payload:
        raise BadFrame("the payload is empty")
    return Frame(port=port, payload=payload, received_at=received_at)


def as_json(reading: Reading) -> dict[str, Any]:
    """Return a reading as JSON: the fields that it has, and always the occupancy."""
    return {"occupancy": None, **msgspec.to_builtins(reading)}


def decoded_line(line: bytes, *, received_at: datetime, folder: Path | None = None) -> bytes:
    """Decode the frame of a line, and return the output as a line. Never raises, for any line.

    `received_at` becomes the time of receipt of the frame. Codecs are also looked up in `folder`.
    """
    try:
        asked = _read(line)
        frame = frame_of(port=asked.port, text=asked.hex, received_at=received_at)
        if asked.object is not None:
            frame = msgspec.structs.replace(frame, object=asked.object)
    except BadFrame as mistake:
        return _undecodable(str(mistake))
    except (ValueError, RecursionError) as mistake:  # no JSON, no UTF-8, or nested too deeply
        return _undecodable(f"the line cannot be read: {mistake}")
    options = asked.options or _NONE
    decode = _bound(asked.codec, frozenset((name, option_text(value)) for name, value in options.items()), folder)
    if isinstance(decode, str):
        return _undecodable(decode)
    reading = decode_frame(decode, frame)
    return _undecodable(cause(reading)) if isinstance(reading, Rejection) else _write(as_json(reading)) + b"\n"


def cause(rejection: Rejection) -> str:
    """Return why a codec did not decode a frame: its refusal, or its failure."""
    return f"codec failed: {rejection.detail}" if rejection.reason is Reason.CODEC_FAILED else rejection.detail


class _FrameLine(msgspec.Struct, frozen=True):
    codec: str
    port: int = msgspec.field(name="fPort")
    hex: str
    options: dict[str, str | int | float | bool] | None = None
    object: dict[str, Any] | None = None


_LONGEST_TEXT: Final = 40
"""Characters."""
_NONE: Final[Mapping[str, str]] = {}
_read: Final = msgspec.json.Decoder(_FrameLine).decode
_write: Final = msgspec.json.Encoder().encode


@lru_cache(maxsize=1024)
def _bound(name: str, options: frozenset[tuple[str, str]], folder: Path | None) -> codecs.Bound | str:
    try:
        return codecs.bind_assuming(codecs.find(name, dropins=folder), dict(options))
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        return str(mistake)


def option_text(value: str | float) -> str:
    """Return a value of JSON as the text of an option: `1500`, `true`."""
    if isinstance(value, str):
        return value
    is_whole = isinstance(value, float) and value.is_integer()
    return _write(int(value) if is_whole else value).decode()


def _undecodable(reason: str) -> bytes:
    return _write({"undecodable": reason}) + b"\n"
