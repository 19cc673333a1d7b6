"""A fleet of sensors of one kind, and what they say: as a backlog, or one uplink after the other.

It counts what it said, and so knows what has to come of it; what it said it does not keep, because a million events would
take more memory than everything that is measured.
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import msgspec

from benchmarks.events import Form, Said, topic_of, write
from parking_gateway.contract.publication import Publication

_HEARD_BY_TWO: Final = 0.25
"""Of all uplinks, which makes 1.1 kB of JSON in the mean."""
_APART: Final = timedelta(microseconds=50)
"""So near that one backlog after another is written and drained before its time comes: nothing is of the future."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One uplink on its way to the broker."""

    publication: Publication
    deduplication_id: str
    time: datetime
    space: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet has said since it is there, and what has to come of it."""

    uplinks: int
    transitions: int
    occupied: frozenset[int]
    """The spaces that are occupied in the end. All others are vacant, as all are at the beginning."""
    first_at: datetime
    last: Event
    """Whoever has committed this one has hardly anything left: a session delivers in order."""
    mean_bytes: float
    """Of a payload."""


class Fleet:
    """The sensors of spaces 1 to `spaces`, all vacant. A share `changes` of what they say is a change."""

    def __init__(self, spaces: int, *, changes: float, form: Form) -> None:
        self.changed = 0
        """How often a sensor said something else than before."""
        self._occupied: set[int] = set()
        self._uplinks = self._bytes = 0
        self._first_at: datetime | None = None
        self._last: Event | None = None
        self._changes = changes
        self._form = form
        self._random = Random(spaces)  # noqa: S311 - the same fleet every time
        self._counters = [0] * (spaces + 1)
        self._turns = self._take_turns(spaces)

    def backlog(self, uplinks: int) -> Iterator[Event]:
        """So many uplinks, one close after the other: of the time before now, and younger than all that was said before."""
        start = datetime.now(UTC) - uplinks * _APART
        if self._last is not None:
            start = max(start, self._last.time + _APART)
        return (self.say(start + number * _APART) for number in range(uplinks))

    def told(self) -> Told:
        """What was said so far, which is something."""
        if self._first_at is None or self._last is None:
            raise ValueError("a fleet that said nothing has no last word")
        return Told(
            uplinks=self._uplinks,
            transitions=self.changed,
            occupied=frozenset(self._occupied),
            first_at=self._first_at,
            last=self._last,
            mean_bytes=self._bytes / self._uplinks,
        )

    def say(self, time: datetime) -> Event:
        """What the next sensor says at this time."""
        space = next(self._turns)
        if self._random.random() < self._changes:
            self._occupied ^= {space}
            self.changed += 1
        self._counters[space] += 1
        said = Said(
            deduplication_id=str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
            time=time,
            space=space,
            f_cnt=self._counters[space],
            data=bytes([space in self._occupied]),
            heard_by=2 if self._random.random() < _HEARD_BY_TWO else 1,
        )
        publication = Publication(topic=topic_of(space), payload=write(said, self._form), retain=False)
        self._first_at = self._first_at or time
        self._uplinks += 1
        self._bytes += len(publication.payload)
        self._last = Event(publication=publication, deduplication_id=said.deduplication_id, time=time, space=space)
        return self._last

    def _take_turns(self, spaces: int) -> Iterator[int]:
        """Everybody once, in a new order every time."""
        order = list(range(1, spaces + 1))
        while True:
            self._random.shuffle(order)
            yield from order
