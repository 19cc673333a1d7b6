"""What a turn means for the history of its spaces: stays of cars, what the operator offered, and observations that came late. Pure.

A stay follows the occupancy of a space, so maintenance does not end it.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from decoders import Occupancy
from parking_gateway.core.clocks import compare
from parking_gateway.core.space import Observation, Service, Space, SpaceId, Transition, last_seen

_A_MOMENT: Final = timedelta(microseconds=1)


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A car has come."""

    at: datetime
    cause: str
    reservation: str | None = None
    """The one that held then."""


class Stay(msgspec.Struct, frozen=True, gc=False):
    """A car was there, and has left."""

    space: SpaceId
    arrival: Arrival | None
    """None: the row of the space has it, because the car came in an earlier turn."""
    departed_at: datetime
    departure: str
    """The cause."""


class Offer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the operator offers from a time on: the space is in service or not, and reserved or not.

    Without these, a late observation could not be put between the orders and reservations that came before and after it.
    """

    space: SpaceId
    service: Service
    reservation: str | None
    at: datetime
    cause: str


class Late(msgspec.Struct, frozen=True, gc=False):
    """A part of a space's history that is not as it would be if all observations had come in their order."""

    since: datetime
    until: datetime
    """When the first and the last of the late observations were heard."""

    def and_also(self, at: datetime) -> "Late":
        """The same with one more late observation."""
        return Late(min(self.since, at), max(self.until, at))


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, for the spaces of one turn."""

    stays: list[Stay] = []
    """Those that ended, in their order."""
    arrivals: dict[SpaceId, Arrival] = {}
    """Of the cars that came and are still there."""
    offers: list[Offer] = []
    late: dict[SpaceId, Late] = {}

    def changed(
        self,
        space: Space,
        after: Space,
        steps: tuple[Transition, ...],
        *,
        at: datetime,
        heard_at: datetime,
        cause: str,
    ) -> Space:
        """Note a visible change of a space, which made these steps. Returns the space afterwards."""
        if steps:
            at = after.since
        elif space.previous is not None:
            at = max(at, space.since)
        if after.occupancy is not space.occupancy:
            if space.occupancy is Occupancy.OCCUPIED:
                self.stays.append(Stay(space.id, self.arrivals.pop(space.id, None), at, cause))
            if after.occupancy is Occupancy.OCCUPIED:
                held = after.reservation or space.reservation
                self.arrivals[space.id] = Arrival(at, cause, None if held is None else held.id)
        if after.service is space.service and after.reservation is space.reservation:  # nearly all
            return after
        if offered(after) == offered(space):
            return after
        if is_past(heard_at, space):
            self.came_late(space.id, heard_at - _A_MOMENT)
        service, reservation = offered(after)
        # Never before the last offer, because that one has the old value of what changes now, and would undo it.
        at = max(heard_at, space.offered_at or heard_at)
        self.offers.append(Offer(space=space.id, service=service, reservation=reservation, at=at, cause=cause))
        return msgspec.structs.replace(after, offered_at=at)

    def came_late(self, space: SpaceId, at: datetime) -> None:
        """Note the time of what changes the past of a space, or may change it."""
        known = self.late.get(space)
        self.late[space] = known.and_also(at) if known else Late(at, at)


def is_past(at: datetime, space: Space) -> bool:
    """Whether the space knows of something later."""
    return any(one is not None and one > at for one in (space.seen_at, space.offered_at))


def offered(space: Space) -> tuple[Service, str | None]:
    """Whether the space is in service, and the id of the reservation that holds."""
    return space.service, None if space.reservation is None else space.reservation.id


def is_in_order(seen: Observation, space: Space) -> bool:
    """Whether the observation comes behind everything that the space knows."""
    if space.offered_at is not None and space.offered_at > seen.heard_at:
        return False
    last = last_seen(space)
    return last is None or compare(seen, last) > 0
