"""Indicators: lamps and signs that show spaces to drivers. From counted spaces to the bytes of a downlink. Pure.

A picture is written as hexadecimal digits, with numbers in braces: `01 {free:u16}`. `free`, `occupied` and `total` are the
numbers of spaces; `u8`, `u16`, `u32` and `u16le`, `u32le` are their forms in bytes, and `d3` is three digits of ASCII.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec

from parking_gateway.core.space import SpaceState


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The spaces that an indicator shows, counted by state."""

    free: int = 0
    occupied: int = 0
    reserved: int = 0
    maintenance: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.free + self.occupied + self.reserved + self.maintenance


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of indicator: the pictures of its states."""

    f_port: int
    is_confirmed: bool = False
    """Whether the device acknowledges each picture."""
    answer_within: timedelta = timedelta(minutes=1)
    """A device of class C answers at once; one of class A after its next uplink."""
    pictures: Mapping[SpaceState, str]
    """By state. A state without a picture has that of OCCUPIED."""


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """How one indicator counts, so that no driver follows it to a space that is taken meanwhile."""

    buffer: int = 0
    """Free spaces that it does not show."""
    hysteresis: int = 0
    """Free spaces beside the buffer that it needs after "full", before it shows a number again."""
    is_full: bool = False
    """Whether it shows "full" now."""


class WrongPicture(ValueError):  # noqa: N818 - the word of the configuration
    """A picture that cannot be sent. The message continues a sentence that begins with its key."""


BUSYLIGHT: Final = Model(
    f_port=15,
    is_confirmed=True,
    # Red, BLUE, green, and the times on and off in 0.01 s.
    pictures={
        SpaceState.FREE: "00 00 FF FF 00",
        SpaceState.OCCUPIED: "FF 00 00 FF 00",
        SpaceState.RESERVED: "00 FF 00 FF 00",
        SpaceState.MAINTENANCE: "FF 00 FF 64 64",
    },
)
"""Plenom kuando Busylight: green, red, blue, and a flashing yellow. See the data sheet in `decoders.plenom_busylight`."""
MODELS: Final[Mapping[str, Model]] = {"busylight": BUSYLIGHT}
"""The models that need no configuration."""

_NUMBER: Final = re.compile(r"\{(free|occupied|total):(?:u(8|16|32)(le)?|d([1-9]))\}")
_LONGEST: Final = 222
"""Bytes: the longest payload of LoRaWAN in any region."""


def checked(text: str) -> str:
    """The picture, if it can be sent. Raises WrongPicture."""
    rest = _NUMBER.sub("", text)
    if "{" in rest or "}" in rest:
        raise WrongPicture("has braces around something else than free, occupied or total with u8, u16, u32 or d3")
    try:
        size = len(painted(text, Shown()))
    except ValueError:
        raise WrongPicture("must be hexadecimal digits in pairs, with numbers such as {free:u8} between them") from None
    if not 0 < size <= _LONGEST:
        raise WrongPicture(f"has {size} bytes: a downlink has 1 to {_LONGEST}")
    return text


def painted(text: str, shown: Shown) -> bytes:
    """The bytes of a picture. A number that is too large for its place is the largest that fits."""
    numbers = {"free": shown.free, "occupied": shown.occupied, "total": shown.total}

    def number(found: re.Match[str]) -> str:
        name, bits, order, digits = found.groups()
        value: int = numbers[name]
        if digits:
            return f"{min(value, 10 ** int(digits) - 1):0{digits}}".encode().hex()
        size = int(bits) // 8
        return min(value, (1 << int(bits)) - 1).to_bytes(size, "little" if order else "big").hex()

    return bytes.fromhex(_NUMBER.sub(number, text))


def digest(model: Model) -> str:
    """Another text for another model, so that a changed one is noticed."""
    return hashlib.sha256(msgspec.json.encode(model)).hexdigest()[:16]


def picture(model: Model, shown: Shown, sign: Sign) -> tuple[bytes, bool]:
    """What an indicator shows for these spaces, and whether that is "full". There has to be a space."""
    free = max(0, shown.free - sign.buffer)
    if sign.is_full and free <= sign.hysteresis:
        free = 0
    seen = msgspec.structs.replace(shown, free=free, occupied=shown.occupied + shown.free - free)
    word = _word(seen)
    text = model.pictures.get(word, model.pictures[SpaceState.OCCUPIED])
    return painted(text, seen), not free


def _word(shown: Shown) -> SpaceState:
    """The state that matters to a driver: one free space is enough."""
    if shown.free:
        return SpaceState.FREE
    if shown.occupied:
        return SpaceState.OCCUPIED
    return SpaceState.RESERVED if shown.reserved else SpaceState.MAINTENANCE
