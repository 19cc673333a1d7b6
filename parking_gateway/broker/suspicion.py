"""Finds the publications on which the broker hangs up. It closes the connection instead of refusing the one publication.

Mosquitto 2.0 with `max_queued_messages 0` does so, and MQTT 3.1.1 has no refusal. Without this, every connection would end
with the same publication, and nothing behind it would be published.

When two connections in a row are lost with publications under way, those that were under way both times are sent one at a
time, each with a round trip behind it. A publication with which the connection is lost twice, alone, is set aside for five
minutes. The third one of a kind, such as transitions, sets the whole kind aside for a minute, unless the broker has taken
another one of that kind.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from parking_gateway.broker.reasons import Refusal
from parking_gateway.contract.messages import kind_of
from parking_gateway.contract.publication import Publication

_LOSSES: Final = 2
_OF_A_KIND: Final = 3
_TOPIC_ASIDE: Final = 300.0
"""Seconds until a publication that was set aside is tried again. Each attempt can cost a connection."""
_KIND_ASIDE: Final = 60.0
_SUSPECTED: Final = 300.0
"""Seconds after a loss, in which the publications that were under way are suspected."""
_FORGOTTEN: Final = 300.0
"""Seconds after which a publication that could be tried again is forgotten, because it is published no more."""
HANGS_UP: Final = "The broker closes the connection when it is published"


class Suspicion:
    """Of one broker, over all connections to it. Times are seconds of any one clock."""

    def __init__(self, root: str) -> None:
        self.convicted = 0
        """How often a publication was set aside."""
        self.losses_alone = 0
        """How often a connection was lost with one suspected publication under way."""
        self._root = root
        self._losses = 0
        self._suspects: set[str] = set()
        self._suspected_until = 0.0
        self._lost_alone: Counter[str] = Counter()
        self._aside: dict[str, float] = {}
        """Topics and kinds that are set aside, and until when."""
        self._taken: set[str] = set()
        """Kinds of which the broker took a publication while there were suspects."""

    def is_calm(self, now: float) -> bool:
        """Whether everything can be published together."""
        if self._suspects and now > self._suspected_until:
            self._suspects, self._losses = set(), 0
        if self._aside:
            self._aside = {name: until for name, until in self._aside.items() if now < until + _FORGOTTEN}
        is_calm = not (self._suspects or self._aside)
        if is_calm and (self._taken or self._lost_alone):
            self._taken.clear()
            self._lost_alone.clear()
        return is_calm

    def aside(self, publications: Iterable[Publication], now: float) -> list[Refusal]:
        """Refusals of the publications that are set aside at present."""
        return [Refusal(one.topic, HANGS_UP) for one in publications if self._is_aside(one.topic, now)]

    def windows(self, publications: Iterable[Publication], size: int, now: float) -> Iterator[list[Publication]]:
        """Publications that may be under way together, in order. Each suspected one is alone, and those set aside are left out."""
        window: list[Publication] = []
        for one in publications:
            if self._is_aside(one.topic, now):
                continue
            goes_alone = self.goes_alone(one.topic)
            if window and (goes_alone or len(window) == size):
                yield window
                window = []
            window.append(one)
            if goes_alone:
                yield window
                window = []
        if window:
            yield window

    def goes_alone(self, topic: str) -> bool:
        """Whether this publication is sent alone: it is suspected, or its time aside is over."""
        is_to_be_tried = topic in self._aside or self._kind(topic) in self._aside
        return is_to_be_tried or (self._losses >= _LOSSES and topic in self._suspects)

    def taken(self, topics: Collection[str]) -> None:
        """Clear the suspicion of these, because the broker took them and the connection stands."""
        self._suspects.difference_update(topics)
        if not self._suspects:
            self._losses = 0
        for topic in topics:
            self._taken.add(self._kind(topic))
            self._aside.pop(topic, None)
            self._aside.pop(self._kind(topic), None)
            self._lost_alone.pop(topic, None)

    def lost(self, topics: Collection[str], now: float) -> None:
        """Suspect these, because the connection was lost while they were under way."""
        self._suspected_until = now + _SUSPECTED
        if len(topics) == 1 and self.goes_alone(next(iter(topics))):
            (topic,) = topics
            self.losses_alone += 1
            self._lost_alone[topic] += 1
            if self._lost_alone[topic] >= _LOSSES:
                self._set_aside(topic, now)
            return
        both = self._suspects.intersection(topics)
        self._losses = self._losses + 1 if both else 1
        self._suspects = both or set(topics)

    def _set_aside(self, topic: str, now: float) -> None:
        self.convicted += 1
        self._suspects.discard(topic)
        self._aside[topic] = now + _TOPIC_ASIDE
        kind = self._kind(topic)
        if kind not in self._taken and sum(self._kind(one) == kind for one in self._aside) >= _OF_A_KIND:
            self._aside[kind] = now + _KIND_ASIDE

    def _is_aside(self, topic: str, now: float) -> bool:
        return max(self._aside.get(topic, 0.0), self._aside.get(self._kind(topic), 0.0)) > now

    def _kind(self, topic: str) -> str:
        return kind_of(topic, root=self._root)
