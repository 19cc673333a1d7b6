"""Devices and times on the command line."""

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
        if age := re.fullmatch(r"(\d{1,9})(s|min|h|d)", text):
            return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
        given = datetime.fromisoformat(text)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except (ValueError, OverflowError):
        fail(f"{text!r} is no time: write it as 2026-03-01, 2026-03-01T08:00Z, or an age such as 90min, 12h or 3d.")


def dev_eui_of(text: str) -> DevEui:
    """The DevEUI of an option, in lower case. If it is none, the command fails."""
    found = text.strip().lower()
    if not re.fullmatch("[0-9a-f]{16}", found):
        fail(f"{text!r} is no DevEUI: write 16 hexadecimal digits.")
    return DevEui(found)
