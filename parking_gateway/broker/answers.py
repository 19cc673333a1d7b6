"""Publications that the broker has not answered yet, and its refusals."""

import asyncio

from paho.mqtt.reasoncodes import ReasonCode

from parking_gateway.broker.reasons import Refusal, publication_refused


class Answers:
    """Its length is the number of answers that are missing."""

    def __init__(self) -> None:
        self._topics: dict[int, str] = {}
        self._refusals: list[Refusal] = []
        self._complete = asyncio.Event()

    def __len__(self) -> int:
        return len(self._topics)

    def expect(self, mid: int, topic: str) -> None:
        """Count a publication that is under way."""
        self._topics[mid] = topic

    def put(self, mid: int, reason: ReasonCode | int) -> None:
        """Take the broker's answer to it."""
        topic = self._topics.pop(mid, None)
        if topic is not None and (refusal := publication_refused(topic, reason)):
            self._refusals.append(refusal)
        if not self._topics:
            self._complete.set()

    async def wait(self, seconds: float) -> None:
        """Return when no answer is missing, after `wake`, or after so many seconds."""
        self._complete.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._complete.wait()
        except TimeoutError:
            return

    def wake(self) -> None:
        """Let `wait` return."""
        self._complete.set()

    def refusals(self) -> list[Refusal]:
        """Return the refusals since the last call."""
        refusals, self._refusals = self._refusals, []
        return refusals
