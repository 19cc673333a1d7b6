"""Devices, times and options of codecs on the command line."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from parking_gateway.cli.opened import fail
from parking_gateway.core.events import DevEui

Since = Annotated[
    str,
    typer.Option("--since", metavar="TIME", help="From then on, as 2026-03-01T08:00Z or 3d.", show_default=False),
]
Until = Annotated[
    str, typer.Option("--until", metavar="TIME", help="Before then, in the same form.", show_default=False)
]
_UNITS: Final = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def moment(text: str) -> datetime | None:
    """The time of an option, or None if it is left out: a date, a date with a time, or an age. Without zone it is UTC. Else the command fails."""
    if not text:
        return None
    try:
        span = _span(text)
        return _time(text) if span is None else datetime.now(UTC) - span
    except (ValueError, OverflowError):
        fail(f"{text!r} is no time: write it as 2026-03-01, 2026-03-01T08:00Z, or an age such as 90min, 12h or 3d.")


def moment_ahead(text: str) -> datetime | None:
    """The same for an option about the future, in which `3h` is 3 hours from now."""
    if not text:
        return None
    try:
        span = _span(text)
        return _time(text) if span is None else datetime.now(UTC) + span
    except (ValueError, OverflowError):
        fail(f"{text!r} is no time: write it as 2026-03-01, 2026-03-01T08:00Z, or a span such as 90min, 12h or 3d.")


def _span(text: str) -> timedelta | None:
    found = re.fullmatch(r"(\d{1,9})(s|min|h|d)", text)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def _time(text: str) -> datetime:
    given = datetime.fromisoformat(text)
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def dev_eui_of(text: str) -> DevEui:
    """The DevEUI of an option, in lower case. If it is none, the command fails."""
    found = text.strip().lower()
    if not re.fullmatch("[0-9a-f]{16}", found):
        fail(f"{text!r} is no DevEUI: write 16 hexadecimal digits.")
    return DevEui(found)


def option_of(text: str) -> tuple[str, str]:
    """The name and the value of an `--option`. If it has not both, the command fails."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        fail(f"--option must be name=value, not {text!r}.")
    return name, value
