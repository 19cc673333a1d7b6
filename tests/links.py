"""A link without a broker, for tests of one loop by itself."""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from parking_gateway.broker.link import MqttError
from parking_gateway.broker.message import Message
from parking_gateway.broker.reasons import Refusal
from parking_gateway.contract.publication import Publication


async def nothing() -> None:
    """Do nothing."""


@dataclass(kw_only=True)
class FakeLink:
    """The part of `Link` that intake and outbox use, and a broker that can refuse and hang up.

    Raises MqttError, as a lost link does, once `lost_after` publications were taken or messages were delivered.
    """

    session: list[Message] = field(default_factory=list)
    """Messages that are not acknowledged, in their order. `batches` delivers them, and then ends."""
    taken: list[Publication] = field(default_factory=list)
    """Publications that the broker has confirmed, in their order."""
    refuses: Callable[[Publication], bool] = lambda _: False
    meanwhile: Callable[[], Awaitable[None]] = nothing
    """Awaited by every `publish` before the broker answers."""
    lost_after: float = math.inf

    async def batches(self, *, limit: int) -> AsyncIterator[list[Message]]:
        """Deliver the session, up to `limit` messages at a time."""
        delivered, left = 0, list(self.session)
        while left:
            batch, left = left[:limit], left[limit:]
            delivered += len(batch)
            if delivered > self.lost_after:
                raise MqttError("The link is lost")
            yield batch

    def refill(self) -> None:
        """Nothing was dropped."""

    def acknowledge(self, batch: Sequence[Message]) -> None:
        """Remove these from the session. Raises ValueError for a message that is acknowledged already."""
        for message in batch:
            self.session.remove(message)

    def acknowledge_apart(self, messages: Sequence[Message]) -> None:
        """The same."""
        self.acknowledge(messages)

    async def publish(self, publications: Sequence[Publication]) -> list[Refusal]:
        """Take publications until the link is lost, and return those that the broker refuses."""
        refused = []
        for publication in publications:
            if len(self.taken) >= self.lost_after:
                raise MqttError("The link is lost")
            if self.refuses(publication):
                refused.append(Refusal(publication.topic, "Not authorized"))
            else:
                self.taken.append(publication)
        await self.meanwhile()
        return refused
