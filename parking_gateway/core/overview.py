"""Rows of the overview that others ask for: what the store reads, and `contract` renders for the HTTP API and its exports.

A place is shown with the values of its publication, and with what its topics do not have.
"""

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from parking_gateway.core.due import DueCounts, DueSpace


class Position(NamedTuple):
    """Degrees of WGS 84."""

    lat: float
    lon: float


class WholeSpace(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A space with its attributes."""

    state: DueSpace
    position: Position | None
    purpose: str | None
    max_stay: int | None
    """Seconds; None: the limit of its zone holds."""
    tags: list[str]
    dev_eui: str | None
    """Its sensor; of several the first one."""


class WholeCounts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A zone or a site with its attributes."""

    counts: DueCounts
    time_zone: str
    """That of the site."""
    position: Position | None
    """That of the site, or the middle of its spaces that have a position; of a zone the middle first."""
    updated_at: datetime | None
    """When a space of it changed, or a counter of it counted, last. None: it has neither spaces nor a count."""
    counted: int = 0
    """Its places in zones that are counted at their entries and exits."""
    silent: int = 0
    """Those of them whose zones have no counter that is heard."""


class EndedStay(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A stay of a car, with the names that the space had when the car came."""

    id: int
    site: str
    zone: str
    space: str
    arrived_at: datetime
    departed_at: datetime
    is_overstay: bool
    reservation: str | None


class Passage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A car that came or left, on a space with a position."""

    kind: Literal["arrival", "departure"]
    at: datetime
    arrived_at: datetime
    """Of the stay. With the space, it identifies the stay."""
    space_id: int
    zone_id: int
    site: str
    zone: str
    space: str
    position: Position
    dev_eui: str | None
