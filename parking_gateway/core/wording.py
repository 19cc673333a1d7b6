"""Numbers as a person writes them: counts with their nouns, and spans of time. Pure."""

from datetime import timedelta
from typing import Final

_UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1)}


def counted(number: int, noun: str) -> str:
    """The number and its noun, which agree: `1 uplink`, `2 uplinks`, `12,345 uplinks`. The plural of the noun adds an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(span: timedelta) -> str:
    """The span in its largest unit and to a tenth of it, such as `20 min` or `1.5 h`."""
    for unit, length in _UNITS.items():
        if span >= length:
            return f"{round(span / length, 1):g} {unit}"
    return f"{round(span.total_seconds(), 1):g} s"
