"""What a driver finds on a space, for standards that know no reservations and no lost sensors."""

from enum import Enum

from parking_gateway.core.due import DueSpace
from parking_gateway.core.space import Contact, SpaceState


class Availability(Enum):
    """The four words that such standards have in common."""

    FREE = "free"
    OCCUPIED = "occupied"
    CLOSED = "closed"
    """In maintenance, or kept for a reservation: nobody else may park there."""
    UNKNOWN = "unknown"
    """The sensor is not heard, so nobody can promise the last state."""


def availability_of(row: DueSpace) -> Availability:
    """The word for a space."""
    if row.state in (SpaceState.MAINTENANCE, SpaceState.RESERVED):
        return Availability.CLOSED
    if row.contact is not Contact.LIVE or row.occupancy == "unknown":
        return Availability.UNKNOWN
    return Availability.OCCUPIED if row.state is SpaceState.OCCUPIED else Availability.FREE
