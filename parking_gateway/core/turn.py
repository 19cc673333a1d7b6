"""The door: every change of a space is made here, whatever caused it. Pure.

A turn takes locked spaces and causes in their order: observations of uplinks, silence, orders, reservations. It returns the
spaces afterwards with their steps. Intake, replay, requests and clock all decide by a turn, and nothing else calls the state
machine. So one day of a car park can be computed without a database.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, assert_never

import msgspec

from parking_gateway.core.causes import (
    Cause,
    OverstayAcknowledged,
    Rereading,
    ReservationEnd,
    ReservationExtension,
    ReservationStart,
    SensorRemoved,
    SensorsFitted,
    ServiceOrder,
    Silence,
    StayExceeded,
)
from parking_gateway.core.clocks import is_held_back
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.reservation import Reservation, ReservationStatus, ReservationStep
from parking_gateway.core.sensing import fit, lapse_one, observe_one, observe_one_again
from parking_gateway.core.space import (
    Change,
    Observation,
    Space,
    SpaceId,
    Transition,
    acknowledge_overstay,
    begin_reservation,
    change_offer,
    change_service,
    end_reservation,
    exceed_stay,
    extend_reservation,
    lapse,
    last_seen,
    observe,
    observe_again,
    remove_sensor,
)
from parking_gateway.core.stay import Course, Offer, is_in_order


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """The result of applying causes to locked spaces."""

    spaces: dict[SpaceId, Space]
    """All locked spaces as they are afterwards. A space without a change is the same object as before."""
    steps: list[Transition]
    """The steps of the log, in their order."""
    changed: list[SpaceId]
    """Spaces of which subscribers see a difference."""
    reservations: list[ReservationStep] = []
    """What becomes of reservations, in their order."""
    held_back: list[Observation] = []
    """Observations that count as older although their frame counters are higher: a clock is wrong."""
    course: Course
    """What follows for the history of the spaces."""
    notices: list[Notice] = []
    """What an operator has to be told once."""


def turn(before: Mapping[SpaceId, Space], causes: Iterable[tuple[SpaceId, Cause]]) -> Turn:
    """Apply the causes to their spaces, one after the other. Every space of a cause must be among the locked ones."""
    spaces = dict(before)
    steps: list[Transition] = []
    reservations: list[ReservationStep] = []
    notices: list[Notice] = []
    held_back: list[Observation] = []
    course = Course()
    for space_id, cause in causes:
        space = spaces[space_id]
        after, made = _change(space, cause)
        spaces[space_id] = after
        if isinstance(cause, Observation) and after.version == space.version:  # nearly all
            if after.seen_at is space.seen_at:
                held_back += _note_late(space, cause, course)
            continue
        if made:
            steps += made
        if after.reservation is not space.reservation or isinstance(cause, ReservationEnd):
            reservations += _of_reservation(space, after, cause, made)
        notices += _notices(space, after, cause)
        if after.version != space.version:
            after = spaces[space_id] = _noted(space, after, cause, made, course)
        if after.seen_at is space.seen_at and isinstance(cause, Observation | Rereading):
            held_back += _note_late(space, cause, course)
    changed = [space_id for space_id, space in before.items() if spaces[space_id].version != space.version]
    return Turn(
        spaces=spaces,
        steps=steps,
        changed=changed,
        reservations=reservations,
        held_back=held_back,
        notices=notices,
        course=course,
    )


def _change(space: Space, cause: Cause) -> Change:  # noqa: C901, PLR0911 - one for each cause
    match cause:
        case Observation():
            return observe(space, cause) if space.sensors is None else observe_one(space, space.sensors, cause)
        case Rereading():
            if space.sensors is not None:
                return observe_one_again(space, space.sensors, cause.seen)
            return observe_again(space, cause.seen)
        case Silence():
            return _lapse(space, cause)
        case ServiceOrder():
            return change_service(
                space, cause.service, at=cause.at, cause=cause.by, reason=cause.reason, until=cause.until
            )
        case ReservationStart() | ReservationExtension() | ReservationEnd():
            return _change_reservation(space, cause)
        case SensorRemoved():
            return remove_sensor(space, at=cause.at, cause=cause.by)
        case SensorsFitted():
            return fit(space, cause.sensors, rule=cause.rule, sole=cause.sole, at=cause.at, cause=cause.by)
        case StayExceeded():
            return exceed_stay(space, since=cause.since, at=cause.at)
        case OverstayAcknowledged():
            return acknowledge_overstay(space, at=cause.at)
        case Offer():
            return change_offer(space, cause.service, cause.reservation, at=cause.at, cause=cause.cause)
        case _:
            assert_never(cause)


def _change_reservation(space: Space, cause: ReservationStart | ReservationExtension | ReservationEnd) -> Change:
    match cause:
        case ReservationStart():
            return begin_reservation(space, cause.reservation, cause=cause.by)
        case ReservationExtension():
            return extend_reservation(space, cause.reservation, end=cause.end, at=cause.at, cause=cause.by)
        case ReservationEnd():
            return end_reservation(space, cause.reservation, at=cause.at, cause=cause.by)
        case _:
            assert_never(cause)


def _lapse(space: Space, silence: Silence) -> Change:
    limits: dict[str, Any] = {
        "now": silence.now,
        "lost_after": silence.lost_after,
        "listening_since": silence.listening_since,
    }
    if space.sensors is None:
        return lapse(space, **limits)
    return lapse_one(space, space.sensors, silence.sensor, **limits)


def _noted(space: Space, after: Space, cause: Cause, steps: tuple[Transition, ...], course: Course) -> Space:
    """Note what a visible change means for the history of its space."""
    match cause:
        case Silence() | StayExceeded() | OverstayAcknowledged():
            return after
        case Observation() | Rereading():
            seen = cause if isinstance(cause, Observation) else cause.seen
            if after.occupancy is not space.occupancy and not is_in_order(seen, space):
                course.came_late(space.id, seen.heard_at)
            return course.changed(space, after, steps, at=seen.seen_at, heard_at=seen.heard_at, cause=str(seen.cause))
        case Offer():
            return course.changed(space, after, steps, at=cause.at, heard_at=cause.at, cause=cause.cause)
        case ReservationStart():
            start = cause.reservation.start
            return course.changed(space, after, steps, at=start, heard_at=start, cause=cause.by)
        case _:
            return course.changed(space, after, steps, at=cause.at, heard_at=cause.at, cause=cause.by)


def _note_late(space: Space, cause: Observation | Rereading, course: Course) -> Iterator[Observation]:
    """Note an observation that came after a later one. Those that are held back by a wrong clock are returned."""
    seen = cause if isinstance(cause, Observation) else cause.seen
    if seen.occupancy is not None or seen is not cause:
        course.came_late(space.id, seen.heard_at)
    if seen is cause and _is_held_back(seen, space):
        yield seen


def _is_held_back(seen: Observation, space: Space) -> bool:
    last = last_seen(space)
    return seen.occupancy is not None and last is not None and is_held_back(seen, last)


def _of_reservation(
    before: Space, after: Space, cause: Cause, made: tuple[Transition, ...]
) -> Iterator[ReservationStep]:
    """The step of the reservation that this cause brings about, if it is one."""
    if isinstance(cause, ReservationEnd):
        yield ReservationStep(reservation=cause.reservation, status=cause.status, at=cause.at, cause=cause.by)
    elif isinstance(cause, ReservationStart) and after.reservation is not None:
        one = after.reservation
        status = ReservationStatus.CHECKED_IN if one.is_checked_in else ReservationStatus.HOLDING
        at = after.since if one.is_checked_in else one.start
        yield ReservationStep(reservation=one.id, status=status, at=at, cause=cause.by)
    elif isinstance(cause, Observation | Rereading) and before.reservation is not None:
        seen = cause if isinstance(cause, Observation) else cause.seen
        status = ReservationStatus.RELEASED if after.reservation is None else ReservationStatus.CHECKED_IN
        at = made[-1].at if made else seen.seen_at
        if after.reservation is None and seen.heard_at >= before.reservation.end:
            # The uplink was faster than the clock: the end had come before the car left.
            status, at = ReservationStatus.COMPLETED, before.reservation.end
        yield ReservationStep(reservation=before.reservation.id, status=status, at=at, cause=str(seen.cause))


def _notices(before: Space, after: Space, cause: Cause) -> Iterator[Notice]:
    """What an operator has to be told once because of this cause."""
    if isinstance(cause, ReservationEnd) and cause.status is ReservationStatus.NO_SHOW:
        yield _no_show(before, cause)
    if after.reservation is not None and after.is_pending and not before.is_pending:
        yield _conflict(after, after.reservation, cause)
    if after.overstay is not before.overstay and isinstance(cause, StayExceeded):
        yield _overstay(before.id, cause)


def _overstay(space: SpaceId, cause: StayExceeded) -> Notice:
    details = {"parked_since": cause.parked_since, "allowed_until": cause.until}
    return Notice(kind=NoticeKind.OVERSTAY, at=cause.at, space=space, details=details)


def _conflict(space: Space, reservation: Reservation, cause: Cause) -> Notice:
    """A reservation waits for a parked car: from its start, or from when it became known that the car is there."""
    at = cause.at if isinstance(cause, ServiceOrder) else reservation.start
    details = {"reservation": reservation.id, "until": reservation.end, "parked_since": space.since}
    return Notice(kind=NoticeKind.CONFLICT, at=at, space=space.id, details=details)


def _no_show(space: Space, end: ReservationEnd) -> Notice:
    return Notice(kind=NoticeKind.NO_SHOW, at=end.at, space=space.id, details={"reservation": end.reservation})
