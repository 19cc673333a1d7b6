"""Verbs about one space."""

from parking_gateway.contract.rendering import space_message
from parking_gateway.core.causes import OverstayAcknowledged, ReservationEnd
from parking_gateway.core.committed import committed_by
from parking_gateway.core.reservation import ReservationStatus
from parking_gateway.core.turn import turn
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import OfSpace, space_of
from parking_gateway.requests.verbs import verb
from parking_gateway.store import due, spaces, turns


class SpaceGet(OfSpace, frozen=True, kw_only=True):
    """Read a space."""


class SpaceRelease(OfSpace, frozen=True, kw_only=True):
    """End the reservation that holds a space now."""


class SpaceAcknowledge(OfSpace, frozen=True, kw_only=True):
    """Acknowledge a car that stays for too long."""


@verb("space/get", SpaceGet)
async def get(desk: Desk, asked: SpaceGet) -> Answer | Refusal:
    """Return the state of a space, as its topic has it."""
    space = await space_of(desk, asked)
    if isinstance(space, Refusal):
        return space
    ((row,),) = await desk.connection.together(due.given([space]))
    return Answer(space_message(row))


@verb("space/release", SpaceRelease)
async def release(desk: Desk, asked: SpaceRelease) -> Answer | Refusal:
    """End the reservation that holds a space now. A parked car stays, and so does the state OCCUPIED."""
    space = await space_of(desk, asked)
    if isinstance(space, Refusal):
        return space
    (locked,) = await desk.connection.together(spaces.lock_by_id([space]))
    # A space that was removed meanwhile is not among the locked ones.
    held = next((one.reservation for one in locked.spaces.values()), None)
    if held is None:
        return Refusal(Code.CONFLICT, "No reservation holds the space now, so there is nothing to release")
    end = ReservationEnd(
        reservation=held.id,
        status=ReservationStatus.RELEASED,
        at=desk.now,
        by=desk.cause(f"release of reservation {held.id}"),
    )
    made = turn(locked.spaces, [(space, end)])
    await desk.connection.together(*turns.writes(locked, made, now=desk.now))
    return Answer({"reservation": held.id}, committed_by(made))


@verb("space/acknowledge", SpaceAcknowledge)
async def acknowledge(desk: Desk, asked: SpaceAcknowledge) -> Answer | Refusal:
    """Acknowledge that a parked car stays for too long. The space is not flagged again until the car has left."""
    space = await space_of(desk, asked)
    if isinstance(space, Refusal):
        return space
    (locked,) = await desk.connection.together(spaces.lock_by_id([space]))
    made = turn(locked.spaces, [(one, OverstayAcknowledged(at=desk.now)) for one in locked.spaces])
    if not made.changed:
        return Refusal(Code.CONFLICT, "No car stays there for too long, so there is nothing to acknowledge")
    await desk.connection.together(*turns.writes(locked, made, now=desk.now))
    return Answer({"parked_since": locked.spaces[space].since}, committed_by(made))
