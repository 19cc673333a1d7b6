"""A right to a space for a time range. The clock and the people who book change this aspect of a space.

| status | meaning | next |
|---|---|---|
| booked | its time has not come | holding, checked_in, expired, cancelled |
| holding | its space is kept for it; nobody has arrived | checked_in, no_show, expired, cancelled |
| checked_in | a car has arrived | completed, released, cancelled |
| completed | its end came after an arrival | |
| released | the car left before the end, and the space is free again | |
| no_show | nobody arrived within the grace, and the space is free again | |
| expired | its end came without an arrival | |
| cancelled | somebody has cancelled it, or its space was removed | |
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec


class ReservationStatus(StrEnum):
    """How far a reservation has come."""

    BOOKED = "booked"
    HOLDING = "holding"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    RELEASED = "released"
    NO_SHOW = "no_show"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


LIVE: Final = frozenset({ReservationStatus.BOOKED, ReservationStatus.HOLDING, ReservationStatus.CHECKED_IN})
"""While it has one of these, no other reservation of its space overlaps it."""


class Reservation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The right that holds now, from `start` up to, and not including, `end`."""

    id: str
    start: datetime
    """From when the space is kept: the booked start, or `reserved_soon` before it."""
    end: datetime
    is_checked_in: bool = False
    """Whether a car has arrived since the start."""
    is_kept_on_leaving: bool = False
    """Whether the space is kept until the end if the car leaves before it."""


class ReservationStep(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What becomes of a reservation by a turn."""

    reservation: str
    status: ReservationStatus
    at: datetime
    cause: str
