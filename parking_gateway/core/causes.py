"""The causes that change a space, beside the observation of an uplink (`space`) and an offer of the past (`stay`)."""

from datetime import datetime, timedelta

import msgspec

from parking_gateway.core.reservation import Reservation, ReservationStatus
from parking_gateway.core.sensor import SensorKey, SensorRule
from parking_gateway.core.space import Observation, Service
from parking_gateway.core.stay import Offer


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A moment at which a space's sensor had been silent for a while."""

    now: datetime
    lost_after: timedelta
    listening_since: datetime
    """Since when the gateway has received events. Silence before that is the gateway's own."""
    sensor: SensorKey = ""
    """Which one, of a space with several."""


class ServiceOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An operator takes a space out of service, or back."""

    service: Service
    at: datetime
    by: str
    reason: str | None = None
    until: datetime | None = None
    """The planned end of maintenance."""


class ReservationStart(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation begins to hold its space, at its start."""

    reservation: Reservation
    by: str


class ReservationExtension(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation has another end."""

    reservation: str
    end: datetime
    at: datetime
    by: str


class ReservationEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation ends, whether it holds its space or not."""

    reservation: str
    status: ReservationStatus
    """The last one that it has."""
    at: datetime
    by: str


class SensorRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """The space has no sensor any more."""

    at: datetime
    by: str


class SensorsFitted(msgspec.Struct, frozen=True, kw_only=True):
    """The space has these sensors from now on."""

    sensors: frozenset[SensorKey]
    sole: SensorKey | None
    """The one that it had until now, if it had one."""
    rule: SensorRule | None = None
    """None: as before."""
    at: datetime
    by: str


class StayExceeded(msgspec.Struct, frozen=True, kw_only=True):
    """The car because of which the space is occupied since `since` stays for longer than it may."""

    since: datetime
    parked_since: datetime
    """Earlier than `since`, if the space was out of service meanwhile."""
    until: datetime
    """How long it was allowed to stay."""
    at: datetime


class OverstayAcknowledged(msgspec.Struct, frozen=True, kw_only=True):
    """A person has seen to a car that stays for longer than it may."""

    at: datetime


class Rereading(msgspec.Struct, frozen=True, gc=False):
    """A stored uplink, read again by the codec that its device has now."""

    seen: Observation


Cause = (
    Observation
    | Rereading
    | Silence
    | ServiceOrder
    | ReservationStart
    | ReservationExtension
    | ReservationEnd
    | SensorRemoved
    | SensorsFitted
    | StayExceeded
    | OverstayAcknowledged
    | Offer
)
