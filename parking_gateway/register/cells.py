"""Cells of the register's files: text becomes a value, or a refusal. A refusal continues a sentence that begins with the column."""

import re
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from decoders.readings import CHANNELS
from parking_gateway.core.audience import Audience
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import ENDLESS
from parking_gateway.core.sensor import SensorRule
from parking_gateway.core.stay_limit import StayLimit
from parking_gateway.register import label

Value = TypeVar("Value")

_SHOWN: Final = 40
_YEAR: Final = 31_536_000
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def name(text: str) -> str:
    """A name of a site, zone or space: a level of a topic."""
    if not text:
        raise ValueError("is missing")
    return _named(text)


def dev_eui(text: str) -> DevEui | None:
    """A DevEUI in any of its forms, or the label with it as a scanner types it; None: the cell is empty."""
    if not text:
        return None
    if re.match(r"(LW|URN):|https?://", text, re.IGNORECASE):
        try:
            return label.read(text).dev_eui
        except label.BadLabel as mistake:
            raise ValueError(f"is a label that cannot be read: {mistake}") from None
    digits = re.sub("[:-]", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]{16}", digits):
        if re.fullmatch(r"\d+([.,]\d+)?E\+?\d+", text, re.IGNORECASE):
            raise ValueError(f"cannot be {_shown(text)}: a spreadsheet made a number of it; format the column as text")
        raise ValueError(f"cannot be {_shown(text)}: 16 hexadecimal digits make a DevEUI")
    return DevEui(digits.lower())


def channel(text: str) -> int:
    """A channel of a device."""
    if not re.fullmatch(r"[0-9]{1,9}", text or "0"):
        raise ValueError(f"cannot be {_shown(text)}, only a whole number")
    found = int(text or "0")
    if found and found not in CHANNELS:
        raise ValueError(f"cannot be {_shown(text)}, only 0 to {CHANNELS[-1]}")
    return found


def codec(text: str) -> str | None:
    """The name of a codec, not looked up yet."""
    return text or None


def seconds(text: str) -> int | None:
    """A time of up to a year; None: the cell is empty."""
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,8}", text) or not 0 < int(text) <= _YEAR:
        raise ValueError(f"cannot be {_shown(text)}, only a whole number of seconds from 1 to {_YEAR}")
    return int(text)


def observe(text: str) -> int | None:
    """For how many uplinks a device is observed first; `ENDLESS`: until a person ends it. None: not at all."""
    if text.lower() in {"", "no", "off", "false", "0"}:
        return None
    if text.lower() in {"yes", "on", "true"}:
        return ENDLESS
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError(f"cannot be {_shown(text)}, only a number of uplinks up to 999999, yes or no")
    return int(text)


def observe_text(uplinks: int | None) -> str | None:
    """The same as it is written in a file."""
    return None if uplinks is None else "yes" if uplinks == ENDLESS else str(uplinks)


def seconds_or_none_at_all(text: str) -> int | None:
    """A time that can be 0; None: the cell is empty."""
    return 0 if text == "0" else seconds(text)


def truth(text: str) -> bool | None:
    """Whether something is so; None: the cell is empty."""
    if text not in {"", "true", "false"}:
        raise ValueError(f"cannot be {_shown(text)}, only true or false")
    return text == "true" if text else None


def cars(text: str) -> int | None:
    """A number of cars; None: the cell is empty."""
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError(f"cannot be {_shown(text)}, only a whole number of cars")
    return int(text)


def time_of_day(text: str) -> str | None:
    """A time such as `03:30`; None: the cell is empty."""
    if text and not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f"cannot be {_shown(text)}, only a time such as 03:30")
    return text or None


def options(text: str) -> dict[str, str]:
    """Options of a codec."""
    found: dict[str, str] = {}
    for part in _parts(text):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value):
            raise ValueError(f"cannot contain {_shown(part)}: key=value;key=value is how options are written")
        if not part.isprintable():
            raise ValueError(f"cannot contain {_shown(part)}: it has control characters")
        if key in found:
            raise ValueError(f"names {_shown(key)} twice")
        found[key] = value
    return found


def sensor_rule(text: str) -> SensorRule | None:
    """When a space with several sensors is occupied; None: the cell is empty."""
    if text and text not in [*SensorRule]:
        raise ValueError(f"cannot be {_shown(text)}, only {' or '.join(SensorRule)}")
    return SensorRule(text) if text else None


def audience(text: str) -> Audience | None:
    """One of the audiences; None: the space is for everybody."""
    if not text:
        return None
    try:
        return Audience(text.lower())
    except ValueError:
        raise ValueError(f"cannot be {_shown(text)}: there are {', '.join(Audience)}") from None


def purpose(text: str) -> str | None:
    """A word that the operator chooses."""
    return _named(text) if text else None


def tags(text: str) -> list[str]:
    """Words of the operator, each once."""
    return list(dict.fromkeys(map(_named, _parts(text))))


def degrees(limit: int) -> Callable[[str], float | None]:
    """A latitude or a longitude, up to that many degrees."""

    def read(text: str) -> float | None:
        if not text:
            return None
        if not re.fullmatch(r"-?\d{1,3}(\.\d{1,15})?", text) or abs(float(text)) > limit:
            raise ValueError(f"cannot be {_shown(text)}, only degrees from -{limit} to {limit}, such as 48.137")
        return float(text)

    return read


def degrees_text(value: float) -> str:
    """Degrees as they are written in a file: without an exponent."""
    return format(Decimal(repr(value)), "f")


def time_zone(text: str) -> str:
    """The name of a time zone; UTC if the cell is empty."""
    try:
        return ZoneInfo(text or "UTC").key
    except (KeyError, OSError, ValueError):  # of no zone, of a folder of zones, and of a path
        raise ValueError(f"cannot be {_shown(text)}: a time zone has a name such as Europe/Berlin") from None


def stay_limits(text: str) -> list[StayLimit] | None:
    """Limits such as `ev 08:00-18:00 7200`, with `;` between them: an audience, hours, and seconds at the end."""
    return [_stay_limit(part) for part in _parts(text)] or None


def stay_limit_text(limit: StayLimit) -> str:
    """The limit as it is written in a file."""
    hours = f"{limit.begins:%H:%M}-{limit.ends:%H:%M}" if limit.begins and limit.ends else None
    return " ".join(filter(None, (limit.audience, hours, str(limit.seconds))))


def _stay_limit(text: str) -> StayLimit:
    *words, longest = text.split()
    fields: dict[str, Any] = {"seconds": seconds(longest)}
    for word in words:
        if found := re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", word):
            fields |= {"begins": _hour(found[1]), "ends": _hour(found[2])}
            if fields["begins"] == fields["ends"]:
                raise ValueError(f"cannot contain {_shown(word)}: the hours are none; leave them out for the whole day")
        else:
            fields["audience"] = audience(word)
    if len(fields) != len(words) + 1 + ("begins" in fields):
        raise ValueError(f"cannot contain {_shown(text)}: a limit is written as `ev 08:00-18:00 7200`")
    return StayLimit(**fields)


def _hour(text: str) -> time:
    try:
        return time.fromisoformat("00:00" if text == "24:00" else text)
    except ValueError:
        raise ValueError(f"cannot contain {_shown(text)}: hours are from 00:00 to 24:00") from None


def _parts(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(";")) if part]


def _named(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"cannot be {_shown(text)}: 1 to 64 letters a to z, digits, - and _ make a name")
    return text


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
