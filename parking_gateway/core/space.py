"""The parking space and its state machine. Everything that decides a space's state is in this file. Pure.

A space has four aspects, and each has its own clock: a change that is older than the last one has no effect. So any order
of delivery, with repeats, ends in the same space.

    aspect        values                          ordered by
    occupancy     vacant, occupied, None: never   the order of frames (`clocks.compare`), then occupied wins
    contact       live, lost, never               when the sensor was heard
    reservation   one that holds, or None         the clock
    service       in service, maintenance         when the operator ordered it

The state is one word computed from the aspects, in this order:

    MAINTENANCE   out of service
    OCCUPIED      occupancy is occupied
    RESERVED      a reservation holds
    FREE          else

If the step to the computed state is not legal, the log takes the legal path, through FREE.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType
from uuid import UUID

import msgspec

from decoders import Occupancy
from parking_gateway.core.clocks import Mark, compare
from parking_gateway.core.events import DevEui
from parking_gateway.core.reservation import Reservation
from parking_gateway.core.sensor import SensorRule, Sensors

SpaceId = NewType("SpaceId", int)


class SpaceState(StrEnum):
    """What a driver may expect of the space."""

    FREE = "FREE"
    OCCUPIED = "OCCUPIED"
    RESERVED = "RESERVED"
    MAINTENANCE = "MAINTENANCE"


LEGAL_STEPS: dict[SpaceState, frozenset[SpaceState]] = {
    SpaceState.FREE: frozenset({SpaceState.OCCUPIED, SpaceState.RESERVED, SpaceState.MAINTENANCE}),
    SpaceState.OCCUPIED: frozenset({SpaceState.FREE, SpaceState.MAINTENANCE}),
    SpaceState.RESERVED: frozenset({SpaceState.OCCUPIED, SpaceState.FREE, SpaceState.MAINTENANCE}),
    SpaceState.MAINTENANCE: frozenset({SpaceState.FREE}),
}
"""From each state, the states that one entry of the log may lead to."""


class Contact(StrEnum):
    """Whether the space's sensor is heard. It never changes the state: the space keeps its last state."""

    NEVER = "never"
    LIVE = "live"
    LOST = "lost"


class Service(StrEnum):
    """Whether the operator offers the space."""

    IN_SERVICE = "in_service"
    MAINTENANCE = "maintenance"


class Overstay(StrEnum):
    """A car that stays longer than it may. A person who has seen to it acknowledges it."""

    EXCEEDED = "exceeded"
    ACKNOWLEDGED = "acknowledged"


class Observation(msgspec.Struct, frozen=True, gc=False):
    """What one uplink means for one space."""

    occupancy: Occupancy | None
    """None: the uplink has no occupancy, and is only a sign of life."""
    seen_at: datetime
    """Since when it is so, by the sensor's own clock if it has one. It orders nothing, because such clocks are set back."""
    heard_at: datetime
    f_cnt: int
    cause: UUID | None
    """The uplink's deduplication id. None: the observation cannot change the state."""
    dev_addr: str | None = None
    battery_percent: int | None = None
    dev_eui: DevEui | None = None
    """The sensor, with its channel. It matters to a space with several."""
    channel: int = 0


class Transition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One legal step of a space's state."""

    space: SpaceId
    before: SpaceState
    after: SpaceState
    at: datetime
    cause: str


class Space(msgspec.Struct, frozen=True, gc=False):
    """A parking space: its aspects, and the traces of its last transition."""

    id: SpaceId
    since: datetime
    """When the present state began; for a space without a transition, when it was registered."""
    occupancy: Occupancy | None = None
    seen_at: datetime | None = None
    """When the frame with this occupancy was heard. Its session and counter follow."""
    seen_dev_addr: str | None = None
    seen_f_cnt: int = 0
    contact: Contact = Contact.NEVER
    heard_at: datetime | None = None
    reservation: Reservation | None = None
    service: Service = Service.IN_SERVICE
    service_at: datetime | None = None
    maintenance_reason: str | None = None
    battery_percent: int | None = None
    """Of the sensor, the last known level; published beside the state."""
    battery_at: datetime | None = None
    """When the frame with this level was heard. Its session and counter follow."""
    battery_dev_addr: str | None = None
    battery_f_cnt: int | None = None
    previous: SpaceState | None = None
    cause: str | None = None
    version: int = 1
    """Counts the changes that a subscriber can see."""
    overstay: Overstay | None = None
    """Only while a car is there: the end of `OCCUPIED` clears it."""
    sensors: Sensors | None = None
    """Of a space with several, what each has reported: `sensing` computes the aspects above from them. None: it has one sensor."""
    maintenance_until: datetime | None = None
    """The planned end of maintenance. None: there is none, or the space is in service."""
    offered_at: datetime | None = None
    """When service or reservation last changed. A change of occupancy that was heard before it has come late."""

    @property
    def state(self) -> SpaceState:
        """The state, computed from the aspects."""
        if self.service is Service.MAINTENANCE:
            return SpaceState.MAINTENANCE
        if self.occupancy is Occupancy.OCCUPIED:
            return SpaceState.OCCUPIED
        if self.reservation is not None:
            return SpaceState.RESERVED
        return SpaceState.FREE

    @property
    def rule(self) -> SensorRule:
        """How its sensors decide together. One alone decides by either rule."""
        return SensorRule.ANY if self.sensors is None else self.sensors.rule

    @property
    def is_pending(self) -> bool:
        """Whether the reservation waits for a car that stood on the space before its start. It holds once the car has left."""
        reservation = self.reservation
        return reservation is not None and not reservation.is_checked_in and self.state is SpaceState.OCCUPIED


_TICK: Final = timedelta(microseconds=1)

Change = tuple[Space, tuple[Transition, ...]]
"""The space afterwards, and the steps that led there."""


def observe(space: Space, seen: Observation) -> Change:
    """Apply an observation. An observation that is older than the last one has no effect."""
    is_news = seen.occupancy is not None and _is_newer(seen, space)
    is_contact = space.heard_at is None or seen.heard_at > space.heard_at
    if is_news and is_contact and _is_known(seen, space):
        # A short cut for nearly every uplink: the long way takes twice the time.
        heard_at = seen.heard_at
        after = msgspec.structs.replace(
            space, seen_at=heard_at, seen_dev_addr=seen.dev_addr, seen_f_cnt=seen.f_cnt, heard_at=heard_at
        )
        return after, ()
    changes: dict[str, Any] = {}
    if is_news:
        changes["occupancy"] = seen.occupancy
        changes["seen_at"] = seen.heard_at
        changes["seen_dev_addr"] = seen.dev_addr
        changes["seen_f_cnt"] = seen.f_cnt
        if space.reservation is not None:
            changes["reservation"] = _reservation_after(space, seen)
    if is_contact:
        changes["contact"] = Contact.LIVE
        changes["heard_at"] = seen.heard_at
    if seen.battery_percent is not None and _is_newer_battery(seen, space):
        changes["battery_percent"] = seen.battery_percent
        changes["battery_at"] = seen.heard_at
        changes["battery_dev_addr"] = seen.dev_addr
        changes["battery_f_cnt"] = seen.f_cnt
    if not changes:
        return space, ()
    after = msgspec.structs.replace(space, **changes)
    return _settle(space, after, at=seen.seen_at, cause=seen.cause)


def observe_again(space: Space, seen: Observation) -> Change:
    """Apply the observation of a stored uplink that is read again, perhaps by a mended codec.

    If the occupancy of the space comes from this very frame, the new reading replaces the old one.
    """
    after, steps = observe(space, seen)
    if seen.occupancy is None or seen.occupancy is after.occupancy:
        return after, steps
    if last_seen(after) != Mark(seen.heard_at, seen.dev_addr, seen.f_cnt):
        return after, steps
    corrected = msgspec.structs.replace(after, occupancy=seen.occupancy, reservation=_reservation_after(after, seen))
    corrected, more = _settle(after, corrected, at=seen.seen_at, cause=seen.cause)
    return corrected, (*steps, *more)


def lapse(space: Space, *, now: datetime, lost_after: timedelta, listening_since: datetime) -> Change:
    """End a live contact after `lost_after` of silence. Silence counts only while the gateway received events."""
    if space.contact is not Contact.LIVE or space.heard_at is None:
        return space, ()
    if now - max(space.heard_at, listening_since) <= lost_after:
        return space, ()
    return _settle(space, msgspec.structs.replace(space, contact=Contact.LOST), at=now, cause="silence")


def after_last_order(space: Space, at: datetime) -> datetime:
    """The time of an order that has to count. The locked row decides which order is later, because the clocks of gateways differ."""
    return at if space.service_at is None else max(at, space.service_at + _TICK)


def change_service(
    space: Space,
    service: Service,
    *,
    at: datetime,
    cause: str,
    reason: str | None = None,
    until: datetime | None = None,
) -> Change:
    """Take a space out of service, or back. An order that is older than the last one has no effect."""
    if space.service_at is not None and at <= space.service_at:
        return space, ()
    is_out = service is Service.MAINTENANCE
    after = msgspec.structs.replace(
        space,
        service=service,
        service_at=at,
        maintenance_reason=reason if is_out else None,
        maintenance_until=until if is_out else None,
    )
    return _settle(space, after, at=at, cause=cause)


def begin_reservation(space: Space, reservation: Reservation, *, cause: str) -> Change:
    """Keep the space for the reservation from its start. A car that has parked since the start, or later, is its arrival.

    Under a car that has parked before, the reservation is pending.
    """
    if space.state is SpaceState.OCCUPIED and space.since >= reservation.start:
        reservation = msgspec.structs.replace(reservation, is_checked_in=True)
    return _settle(space, msgspec.structs.replace(space, reservation=reservation), at=reservation.start, cause=cause)


def extend_reservation(space: Space, reservation_id: str, *, end: datetime, at: datetime, cause: str) -> Change:
    """Set the end of the reservation. A reservation that does not hold the space changes nothing."""
    if space.reservation is None or space.reservation.id != reservation_id:
        return space, ()
    reservation = msgspec.structs.replace(space.reservation, end=end)
    return _settle(space, msgspec.structs.replace(space, reservation=reservation), at=at, cause=cause)


def end_reservation(space: Space, reservation_id: str, *, at: datetime, cause: str) -> Change:
    """End the reservation. This never frees a space under a parked car.

    A reservation that does not hold the space changes nothing.
    """
    if space.reservation is None or space.reservation.id != reservation_id:
        return space, ()
    return _settle(space, msgspec.structs.replace(space, reservation=None), at=at, cause=cause)


def change_offer(space: Space, service: Service, reservation: str | None, *, at: datetime, cause: str) -> Change:
    """Set what was offered from then on, as the history has it. The reservation is only a name here."""
    named = None if reservation is None else Reservation(id=reservation, start=at, end=at, is_kept_on_leaving=True)
    return _settle(space, msgspec.structs.replace(space, service=service, reservation=named), at=at, cause=cause)


def remove_sensor(space: Space, *, at: datetime, cause: str) -> Change:
    """End what a sensor reported, because no sensor is installed any more.

    The mark of its last frame stays. So a later observation counts only if it is newer, and if the same sensor comes back,
    its stored uplinks make no steps that the log has already.
    """
    after = msgspec.structs.replace(
        space,
        occupancy=None,
        contact=Contact.NEVER,
        heard_at=None,
        battery_percent=None,
        battery_at=None,
        battery_dev_addr=None,
        battery_f_cnt=None,
        sensors=None,
    )
    return _settle(space, after, at=at, cause=cause)


def sense(space: Space, reported: Mapping[str, Any], *, at: datetime, cause: str | UUID | None) -> Change:
    """Change what several sensors report together, without an uplink of theirs: aspects by their names."""
    return _settle(space, msgspec.structs.replace(space, **reported), at=at, cause=cause)


def observe_together(space: Space, reported: Mapping[str, Any], seen: Observation) -> Change:
    """The same by an observation of one of them: a car that comes or leaves is an arrival or the end of one."""
    together = msgspec.structs.replace(seen, occupancy=reported["occupancy"])
    after = msgspec.structs.replace(space, reservation=_reservation_after(space, together), **reported)
    return _settle(space, after, at=seen.seen_at, cause=seen.cause)


def exceed_stay(space: Space, *, since: datetime, at: datetime) -> Change:
    """Flag a car that has stayed for too long. Nothing changes if the car that came at `since` has left, or is flagged already."""
    if space.state is not SpaceState.OCCUPIED or space.since != since or space.overstay is not None:
        return space, ()
    return _settle(space, msgspec.structs.replace(space, overstay=Overstay.EXCEEDED), at=at, cause=None)


def acknowledge_overstay(space: Space, *, at: datetime) -> Change:
    """Take the flag away, because a person has seen to it. The same car is not flagged again."""
    if space.overstay is not Overstay.EXCEEDED:
        return space, ()
    return _settle(space, msgspec.structs.replace(space, overstay=Overstay.ACKNOWLEDGED), at=at, cause=None)


def path(before: SpaceState, after: SpaceState) -> tuple[SpaceState, ...]:
    """The legal steps from one state to another, without the first: none, one, or two through FREE."""
    if before is after:
        return ()
    if after in LEGAL_STEPS[before]:
        return (after,)
    return (SpaceState.FREE, after)


def last_seen(space: Space) -> Mark | None:
    """The frame that the occupancy comes from; None: there was none."""
    return None if space.seen_at is None else Mark(space.seen_at, space.seen_dev_addr, space.seen_f_cnt)


def _reservation_after(space: Space, seen: Observation) -> Reservation | None:
    """The reservation after a newer observation: an arrival checks in, and leaving releases or keeps the space.

    A car on a space in maintenance is no arrival, because it may be the operator's.
    """
    reservation = space.reservation
    if reservation is None or seen.occupancy is space.occupancy:
        return reservation
    if seen.occupancy is Occupancy.OCCUPIED:
        if reservation.is_checked_in or space.service is Service.MAINTENANCE or seen.seen_at < reservation.start:
            return reservation
        return msgspec.structs.replace(reservation, is_checked_in=True)
    is_left = space.occupancy is Occupancy.OCCUPIED and reservation.is_checked_in
    return None if is_left and not reservation.is_kept_on_leaving else reservation


def _is_known(seen: Observation, space: Space) -> bool:
    """Whether the observation has nothing new for subscribers."""
    return seen.occupancy is space.occupancy and space.contact is Contact.LIVE and seen.battery_percent is None


def _is_newer(seen: Observation, space: Space) -> bool:
    if space.seen_at is None:
        return True
    # Nearly always clock and counter agree, and then no comparison is needed.
    if seen.heard_at > space.seen_at and seen.f_cnt > space.seen_f_cnt:
        return True
    order = compare(seen, Mark(space.seen_at, space.seen_dev_addr, space.seen_f_cnt))
    # Two different uplinks of one instant and counter: occupied wins, because to keep a driver from a free space is a
    # smaller mistake than to send a driver to a parked car.
    return order > 0 or (order == 0 and (seen.occupancy, space.occupancy) == (Occupancy.OCCUPIED, Occupancy.VACANT))


def _is_newer_battery(seen: Observation, space: Space) -> bool:
    if space.battery_at is None or space.battery_percent is None or seen.battery_percent is None:
        return True
    order = compare(seen, Mark(space.battery_at, space.battery_dev_addr, space.battery_f_cnt or 0))
    return order > 0 or (order == 0 and seen.battery_percent > space.battery_percent)


def _settle(before: Space, after: Space, *, at: datetime, cause: str | UUID | None) -> Change:
    """Date the change of state, make its steps, and count a version if subscribers see a difference."""
    if _look_alike(before, after):
        return after, ()
    was, is_now = before.state, after.state
    if was is is_now:
        return msgspec.structs.replace(after, version=before.version + 1), ()
    # A step is never dated before the step before it, whatever the clock of the sensor shows.
    at = at if before.previous is None else max(at, before.since)
    why = str(cause)
    steps, state = [], was
    for step in path(was, is_now):
        steps.append(Transition(space=before.id, before=state, after=step, at=at, cause=why))
        state = step
    changed = msgspec.structs.replace(
        after, since=at, previous=steps[-1].before, cause=why, version=before.version + 1, overstay=None
    )
    return changed, tuple(steps)


def _look_alike(one: Space, other: Space) -> bool:
    """Whether subscribers see no difference. Nearly every uplink ends here, so no object is made for the comparison."""
    return (
        one.occupancy is other.occupancy
        and one.contact is other.contact
        and one.battery_percent == other.battery_percent
        and one.overstay is other.overstay
        and one.reservation == other.reservation
        and one.service is other.service
        and one.maintenance_reason == other.maintenance_reason
        and one.maintenance_until == other.maintenance_until
    )
