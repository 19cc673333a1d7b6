"""A fleet of sensors of one kind, and their uplinks: as a backlog, or one after the other.

The fleet counts its uplinks, so that results can be checked. It does not keep them, because a million events would take more
memory than the processes that are measured.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from benchmarks.events import Form, UplinkFields, topic_of, write
from parking_gateway.contract.publication import Publication

_WITH_TWO_GATEWAYS: Final = 0.25
"""The share of uplinks with two gateways, which makes 1.1 kB of JSON in the mean."""
_APART: Final = timedelta(microseconds=50)
"""The time between two uplinks. It is so short that no backlog has an uplink of the future."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One uplink on its way to the broker."""

    publication: Publication
    deduplication_id: str
    time: datetime
    space: int


class ExpectedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The uplinks that a fleet has sent so far, and the database that results from them."""

    uplinks: int
    transitions: int
    occupied: frozenset[int]
    """The spaces that are occupied in the end. All others are vacant."""
    first_at: datetime
    last: Event
    """The last uplink. Once it is committed, hardly any is left, because a session delivers in order."""
    mean_bytes: float
    """The mean size of a payload."""


class Fleet:
    """The sensors of spaces 1 to `spaces`, all vacant at first. A share `changes` of their uplinks is a change."""

    def __init__(self, spaces: int, *, changes: float, form: Form, seed: int | None = None) -> None:
        self.changed = 0
        """How many uplinks changed their space."""
        self._occupied: set[int] = set()
        self._uplinks = self._bytes = 0
        self._first_at: datetime | None = None
        self._last: Event | None = None
        self._changes = changes
        self._form = form
        self._random = Random(spaces if seed is None else seed)  # noqa: S311 - the same fleet every time
        self._counters = [0] * (spaces + 1)
        self._turns = self._take_turns(spaces)

    def backlog(self, uplinks: int) -> Iterator[Event]:
        """Uplinks at short intervals, all before now and after the uplinks so far."""
        start = datetime.now(UTC) - uplinks * _APART
        if self._last is not None:
            start = max(start, self._last.time + _APART)
        return (self.next_event(start + number * _APART) for number in range(uplinks))

    def outcome(self) -> ExpectedOutcome:
        """The uplinks so far and their result. Raises ValueError where there is none."""
        if self._first_at is None or self._last is None:
            raise ValueError("the fleet has not sent an uplink yet")
        return ExpectedOutcome(
            uplinks=self._uplinks,
            transitions=self.changed,
            occupied=frozenset(self._occupied),
            first_at=self._first_at,
            last=self._last,
            mean_bytes=self._bytes / self._uplinks,
        )

    def next_event(self, time: datetime) -> Event:
        """The uplink of the next sensor, at this time."""
        space = next(self._turns)
        if self._random.random() < self._changes:
            self._occupied ^= {space}
            self.changed += 1
        self._counters[space] += 1
        fields = UplinkFields(
            deduplication_id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            time=time,
            space=space,
            f_cnt=self._counters[space],
            data=bytes([space in self._occupied]),
            gateways=2 if self._random.random() < _WITH_TWO_GATEWAYS else 1,
        )
        publication = Publication(topic=topic_of(space), payload=write(fields, self._form), retain=False)
        self._first_at = self._first_at or time
        self._uplinks += 1
        self._bytes += len(publication.payload)
        self._last = Event(publication=publication, deduplication_id=fields.deduplication_id, time=time, space=space)
        return self._last

    def _take_turns(self, spaces: int) -> Iterator[int]:
        """Every space once, in a new order every time."""
        order = list(range(1, spaces + 1))
        while True:
            self._random.shuffle(order)
            yield from order
