"""The marker: a retained message with a number, published behind every page and then written to the database.

Broker and database both hold the last number that was confirmed. The two are compared at every new connection. If one of
them went back to an older state, its number is the smaller one. A broker goes back when it is killed between two saves,
a database by a restore or a failover.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from parking_gateway.contract.gateways import MarkerMessage, gateway_publication, marker_topic
from parking_gateway.contract.publication import Publication
from parking_gateway.process.wall_clock import WallClock

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Comparison(StrEnum):
    """Result of a comparison. All but `SAME` and `FIRST` are the text of a warning."""

    SAME = "Broker and database hold the same marker"
    FIRST = "This gateway has never published to this broker; everything is published"
    BROKER_LOST_ALL = "The broker has lost our retained messages; everything is published again"
    BROKER_WENT_BACK = (
        "The broker went back to an older state of our retained messages; all are compared with the database"
    )
    DATABASE_WENT_BACK = (
        "The database does not hold the last marker that the broker confirmed: it went back to an older state, or the"
        " gateway ended before it had written the marker; everything is published again"
    )


class Marker:
    """The numbers of one gateway's markers in this process."""

    def __init__(self, *, root: str, instance: str, clock: WallClock) -> None:
        self.instance = instance
        self._clock = clock
        self.sent = 0
        """The last number that was sent to the broker."""
        self._root = root
        self.written = 0
        """The last number that was written to the database."""
        self._missing: set[tuple[str, int]] = set()
        """Numbers of other gateways that the broker did not hold at the last comparison."""

    @property
    def beyond(self) -> int:
        """A number above all that were sent: the time in microseconds, or one more than the last if that is higher."""
        return max(self.sent + 1, (self._clock() - _EPOCH) // timedelta(microseconds=1))

    @property
    def topic(self) -> str:
        """The topic of this gateway's marker."""
        return marker_topic(self._root, self.instance)

    def topic_of(self, instance: str) -> str:
        """The topic of another gateway's marker."""
        return marker_topic(self._root, instance)

    def next(self) -> Publication:
        """The marker of the next page. No number is used twice, also after the database went back."""
        self.sent = self.beyond
        return gateway_publication(self._root, self.instance, MarkerMessage(number=self.sent))

    def wrote(self, number: int) -> None:
        """The database holds this number."""
        self.written = max(self.written, number)

    def compare(self, *, database: Mapping[str, int], broker: Mapping[str, int]) -> Comparison:
        """Compare the last numbers, by instance. Those of the database have to be read before those of the broker.

        A smaller number of another gateway in the broker shows that the broker went back. A larger one shows nothing,
        because the page of that gateway may be under way.
        """
        ours, retained = database.get(self.instance, 0), broker.get(self.instance, 0)
        found = self._compare(ours, retained)
        others = {(name, number) for name, number in database.items() if name != self.instance}
        missing = {(name, number) for name, number in others if broker.get(name, 0) < number}
        if found is Comparison.SAME and missing - self._missing:
            found = Comparison.BROKER_WENT_BACK
        # A missing number counts once. Without this, everything would be published again at every connection after a
        # gateway was removed together with its topics.
        self._missing = missing
        self.sent = max(self.sent, ours, retained)
        return found

    def _compare(self, ours: int, retained: int) -> Comparison:
        if not retained:
            return Comparison.BROKER_LOST_ALL if ours else Comparison.FIRST
        if ours < self.written:
            return Comparison.DATABASE_WENT_BACK
        if retained < ours:
            return Comparison.BROKER_WENT_BACK
        # A number between the two belongs to a page that was under way when the link was lost. Its rows are still due.
        return Comparison.SAME if retained <= max(ours, self.sent) else Comparison.DATABASE_WENT_BACK
