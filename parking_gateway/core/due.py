"""Rows that are due for publication: what the store reads, `contract.rendering` publishes and the store then confirms."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import msgspec

from decoders import Occupancy
from parking_gateway.core.audience import Audience
from parking_gateway.core.downlink import Status
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact, SpaceId, SpaceState


class DueKind(StrEnum):
    """What can be due, by the table of its rows."""

    SPACE = "space"
    DEVICE = "device"
    ZONE = "zone"
    SITE = "site"


class DueStep(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a space's log."""

    id: int
    before: SpaceState
    after: SpaceState
    at: datetime
    cause: str
    corrects: int | None = None
    """The id of a wrong step that this one replaces."""
    is_withdrawn: bool = False
    """The step did not happen."""


class DueSpace(msgspec.Struct, frozen=True, gc=False):
    """A space, and the steps that its log has gained since the last confirmation."""

    key: SpaceId
    version: int
    published_version: int
    site: str
    zone: str
    space: str
    state: SpaceState
    since: datetime
    previous: SpaceState | None
    occupancy: Literal["vacant", "occupied", "unknown"]
    contact: Contact
    reserved_until: datetime | None
    reservation: str | None
    maintenance_reason: str | None
    battery_percent: int | None
    cause: str | None
    updated_at: datetime
    is_pending: bool = False
    """Whether the reservation waits for the parked car to leave."""
    maintenance_until: datetime | None = None
    audience: Audience | None = None
    is_overstay: bool = False
    """Whether the parked car stays for longer than it may, and nobody has acknowledged that."""
    steps: tuple[DueStep, ...] = ()
    """The oldest first."""
    has_all_steps: bool = True
    """False: the log has gained more steps than are read at once. The space stays due until the rest is published."""


class DueDevice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A device, and the space that it watches."""

    key: str
    """Its DevEUI."""
    version: int
    published_version: int
    name: str
    contact: Contact
    heard_at: datetime | None
    battery_percent: int | None
    battery_volts: float | None
    rssi: int | None
    snr: float | None
    codec: str | None
    distance_mm: int | None
    temperature_celsius: float | None
    counter: int | None
    counter_in: int | None
    counter_out: int | None
    confidence: float | None
    channels: dict[str, dict[str, Any]] | None
    """The last measurements of a device with several sensors, by their numbers."""
    fault: str | None
    tamper: bool | None
    problems: list[Problem]
    """The most severe first."""
    uplinks_lost: int
    downlink: Status | None
    observe_left: int | None = None
    """For how many more uplinks the device is observed, or `ENDLESS`. None: it decides its space."""
    observed: Occupancy | None = None
    """The last occupancy that it would have set."""
    site: str | None
    zone: str | None
    space: str | None


class DueCounts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A zone or a site, with the numbers of its spaces."""

    key: int
    version: int
    published_version: int
    site: str
    zone: str | None
    """None: the row is a site."""
    total: int
    free: int
    occupied: int
    reserved: int
    maintenance: int
    unreachable: int
    """Spaces whose contact is not `live`; they count under their state too."""
    drift: int | None = None
    """Of a zone that is counted at its entries and exits; None: its numbers are those of its spaces."""
    audiences: dict[Audience, tuple[int, int]] = {}
    """How many spaces are for each audience, and how many of these are free."""


Due = DueSpace | DueDevice | DueCounts
"""A row whose version is not the one that the broker has confirmed (`published_version`)."""
