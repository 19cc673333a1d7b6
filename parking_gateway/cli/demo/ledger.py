"""The ledger: the uplinks that were sent, and how often the broker confirmed each. The audit compares the gateway with it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from parking_gateway.register.entries import Place


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """The totals of a counter at the gate of a zone."""

    zone: tuple[str, str]
    came: int
    left: int


class SentUplink(msgspec.Struct, frozen=True, kw_only=True):
    """An uplink, and what the gateway has to make of it."""

    deduplication_id: UUID
    place: Place | None
    """None: the device has no installation."""
    seen_at: datetime
    f_cnt: int
    is_occupied: bool | None
    """None: the frame has no occupancy."""
    is_damaged: bool = False
    """The codec has to reject the frame; the uplink is recorded all the same."""
    passed: Passed | None = None
    """Of a counter."""


class Ledger:
    """The uplinks of a run, by deduplication id, and what people have asked for."""

    def __init__(self) -> None:
        self.sent: dict[UUID, SentUplink] = {}
        """Also those without a confirmation, which the broker may have delivered or not."""
        self.confirmed: Counter[UUID] = Counter()
        self.out_of_service: set[Place] = set()
        self.reserved: set[Place] = set()
        self.lamps: dict[Place, str] = {}
        """What the lamps above spaces show, as a state."""

    def add_sent(self, uplink: SentUplink) -> None:
        """Add an uplink before it is sent."""
        self.sent[uplink.deduplication_id] = uplink

    def add_confirmed(self, uplink: SentUplink) -> None:
        """Count a confirmation of the broker."""
        self.confirmed[uplink.deduplication_id] += 1

    @property
    def uplinks(self) -> int:
        """Uplinks that the broker confirmed, each counted once."""
        return len(self.confirmed)

    @property
    def duplicates(self) -> int:
        """Messages that the broker confirmed beyond the first of each uplink."""
        return self.confirmed.total() - len(self.confirmed)


def final_occupancy(uplinks: Iterable[SentUplink]) -> dict[Place, bool]:
    """Whether each space is occupied in the end: its newest uplink decides, in whatever order they came."""
    newest: dict[Place, tuple[datetime, int, bool]] = {}
    for one in uplinks:
        if one.place is None or one.is_occupied is None:
            continue
        candidate = (one.seen_at, one.f_cnt, one.is_occupied)
        newest[one.place] = max(candidate, newest.get(one.place, candidate))
    return {space: is_occupied for space, (_, _, is_occupied) in newest.items()}


def final_cars(uplinks: Iterable[SentUplink]) -> dict[tuple[str, str], int]:
    """The cars in each counted zone: what its counter has counted between its first and its newest uplink."""
    totals: dict[tuple[str, str], list[tuple[datetime, int]]] = {}
    for one in uplinks:
        if one.passed is not None:
            totals.setdefault(one.passed.zone, []).append((one.seen_at, one.passed.came - one.passed.left))
    return {zone: max(every)[1] - min(every)[1] for zone, every in totals.items()}
