"""A fleet of sensors of one kind, and what they say: as a backlog, or one uplink after the other.

Every sensor remembers what it said, so that it is known beforehand what has to come of it.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from benchmarks.events import Form, Said, topic_of, write
from parking_gateway.publication import Publication

_HEARD_BY_TWO: Final = 0.25
"""Of all uplinks, which makes 1.1 kB of JSON in the mean."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One uplink on its way to the broker."""

    publication: Publication
    deduplication_id: str
    time: datetime
    space: int


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Uplinks in the order in which they are published, and what has to come of them."""

    events: list[Event]
    transitions: int
    occupied: frozenset[int]
    """The spaces that are occupied in the end. All others are vacant, as all are at the beginning."""

    @property
    def last(self) -> Event:
        """Whoever has committed this one has committed all of them: one session delivers in order."""
        return self.events[-1]

    @property
    def mean_bytes(self) -> float:
        """Of a payload."""
        return sum(len(event.publication.payload) for event in self.events) / len(self.events)


class Fleet:
    """The sensors of spaces 1 to `spaces`, all vacant. A share `changes` of what they say is a change."""

    def __init__(self, spaces: int, *, changes: float, form: Form) -> None:
        self.occupied: set[int] = set()
        self.changed = 0
        """How often a sensor said something else than before."""
        self._changes = changes
        self._form = form
        self._random = Random(spaces)  # noqa: S311 - the same fleet every time
        self._counters = [0] * (spaces + 1)
        self._turns = self._take_turns(spaces)

    def backlog(self, uplinks: int) -> Backlog:
        """So many uplinks of the time before now, a millisecond apart."""
        start = datetime.now(UTC) - timedelta(milliseconds=uplinks)
        events = [self.say(start + timedelta(milliseconds=number)) for number in range(uplinks)]
        return Backlog(events=events, transitions=self.changed, occupied=frozenset(self.occupied))

    def say(self, time: datetime) -> Event:
        """What the next sensor says at this time."""
        space = next(self._turns)
        if self._random.random() < self._changes:
            self.occupied ^= {space}
            self.changed += 1
        self._counters[space] += 1
        said = Said(
            deduplication_id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            time=time,
            space=space,
            f_cnt=self._counters[space],
            data=bytes([space in self.occupied]),
            heard_by=2 if self._random.random() < _HEARD_BY_TWO else 1,
        )
        publication = Publication(topic=topic_of(space), payload=write(said, self._form), retain=False)
        return Event(publication=publication, deduplication_id=said.deduplication_id, time=time, space=space)

    def _take_turns(self, spaces: int) -> Iterator[int]:
        """Everybody once, in a new order every time."""
        order = list(range(1, spaces + 1))
        while True:
            self._random.shuffle(order)
            yield from order
