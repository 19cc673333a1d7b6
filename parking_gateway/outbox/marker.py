"""The marker: a retained message with a number, published behind every page of publications and then written down.

Broker and database both hold the last number that was confirmed. At a new connection the two are compared: if one of them
went back to an older state, as a broker does that is killed between two saves, its number is the smaller one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from parking_gateway.contract.messages import MarkerMessage, gateway_publication, marker_topic
from parking_gateway.contract.publication import Publication
from parking_gateway.process.wall_clock import WallClock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Comparison(StrEnum):
    """Result of a comparison. All but `SAME` and `FIRST` are the text of a warning."""

    SAME = "Broker and database hold what was confirmed last"
    FIRST = "This gateway has never published to this broker; everything is published"
    BROKER_FORGOT = "The broker has lost our retained messages; everything is published again"
    BROKER_WENT_BACK = "The broker went back to an older state of our retained messages; everything is published again"
    DATABASE_WENT_BACK = (
        "The database does not know what the broker confirmed last: it went back to an older state, or the gateway"
        " ended before it had written that down; everything is published again"
    )


class Marker:
    """The numbers of one gateway, as this process knows them."""

    def __init__(self, *, root: str, instance: str, clock: WallClock) -> None:
        self.instance = instance
        self._clock = clock
        self.sent = 0
        """The last number on its way to the broker."""
        self._root = root
        self.written = 0
        """The last number that the database is known to hold."""
        self._missing: set[tuple[str, int]] = set()
        """Numbers of other gateways that the broker did not have when it was asked last."""

    @property
    def topic(self) -> str:
        """Its topic."""
        return marker_topic(self._root, self.instance)

    def topic_of(self, instance: str) -> str:
        """The topic of another gateway's marker."""
        return marker_topic(self._root, instance)

    def next(self) -> Publication:
        """The marker of the next page.

        Its number is the time in microseconds, or one more than the last number if that is higher. So no number is used
        twice, also after the database went back.
        """
        self.sent = max(self.sent + 1, (self._clock() - _EPOCH) // timedelta(microseconds=1))
        return self.again()

    def again(self) -> Publication:
        """The marker that was sent last."""
        return gateway_publication(self._root, self.instance, MarkerMessage(number=self.sent))

    def wrote(self, number: int) -> None:
        """The database holds this number."""
        self.written = max(self.written, number)

    def compare(self, *, database: Mapping[str, int], broker: Mapping[str, int]) -> Comparison:
        """Compare the last numbers, by instance. Those of the database have to be read before those of the broker.

        The numbers of other gateways only show whether the broker went back, because their pages may be under way.
        """
        ours, retained = database.get(self.instance, 0), broker.get(self.instance, 0)
        found = self._compare(ours, retained)
        others = {(name, number) for name, number in database.items() if name != self.instance}
        missing = {(name, number) for name, number in others if broker.get(name, 0) < number}
        if found is Comparison.SAME and missing - self._missing:
            found = Comparison.BROKER_WENT_BACK
        # A missing number counts once. Else a gateway that was removed with its topics would count at every connection.
        self._missing = missing
        self.sent = max(self.sent, ours, retained)
        return found

    def _compare(self, ours: int, retained: int) -> Comparison:
        if not retained:
            return Comparison.BROKER_FORGOT if ours else Comparison.FIRST
        if ours < self.written:
            return Comparison.DATABASE_WENT_BACK
        if retained < ours:
            return Comparison.BROKER_WENT_BACK
        # A number between the two is of a page that was under way when the connection was lost. Its rows are still due.
        return Comparison.SAME if retained <= max(ours, self.sent) else Comparison.DATABASE_WENT_BACK
