"""The city's connections to the broker: uplinks as the network server publishes them, requests of people, and what a sign shows."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from benchmarks.sessions import as_client
from benchmarks.standing import link
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.broker.message import Message
from parking_gateway.cli.demo.retained import ROOT
from parking_gateway.contract.publication import Publication
from tests.year.city import BEGIN
from tests.year.life import Published

_AGAIN: Final = 0.2
"""Seconds until the next attempt to connect."""
_OUTSTANDING: Final = 100
"""Changes of the market place that may be on their way. Beyond them the city waits, because the gateway is behind."""
_PATIENCE: Final = 300
"""Seconds for a reply, and for a change to be shown."""
_AT_ONCE: Final = 5000
_UNAVAILABLE: Final = "unavailable"
"""The code of a refusal after which the same may be asked again."""


class _Shown(msgspec.Struct):
    """What of a space's message is looked at."""

    space: str
    since: datetime


class _Reply(msgspec.Struct):
    status: str
    transaction: int
    data: Any = None
    error: Any = None


_shown: Final = msgspec.json.Decoder(_Shown).decode
_reply: Final = msgspec.json.Decoder(_Reply).decode


class Refused(Exception):  # noqa: N818 - it is what happened
    """The gateway has refused a request that is possible."""


class Wire:
    """Both connections, made again when the broker was restarted."""

    def __init__(self, broker_url: str) -> None:
        self._url = broker_url
        self._link: Link | None = None
        self._replies: dict[int, asyncio.Future[_Reply]] = {}
        self._requests = 0
        self._underway: dict[int, deque[tuple[int, float]]] = {}
        """By the space: the time of each change that is not shown yet, and when it was published."""
        self._outstanding = 0
        self._room = asyncio.Event()
        self.latencies: list[float] = []
        """Seconds from the publication of an uplink to the retained state, of the changes that were shown since the last look."""

    async def run(self) -> None:
        """Keep both connections, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(self._publishing))
            tasks.create_task(self._keep(self._receiving))

    async def publish(self, events: Sequence[Published]) -> None:
        """Publish, and return when the broker has confirmed all. After a lost connection all are published again."""
        publications = [one.publication for one in events]
        now = asyncio.get_running_loop().time()
        for one in events:
            if one.changed_at:
                self._underway.setdefault(one.space, deque()).append((one.changed_at, now))
                self._outstanding += 1
        await self._send(publications)

    async def room(self) -> None:
        """Wait until the gateway is not far behind."""
        await self._until_shown(_OUTSTANDING)

    async def caught_up(self) -> None:
        """Wait until all changes of the market place are shown."""
        await self._until_shown(0)

    async def ask(self, verb: str, **parameters: object) -> Any:
        """Ask the gateway for something, and return the data of its reply. Raises Refused."""
        while (found := await self._ask(verb, parameters)).status != "ok":
            if found.error["code"] != _UNAVAILABLE:
                raise Refused(f"{verb} {parameters}: {found.error}")
        return found.data

    async def _ask(self, verb: str, parameters: dict[str, object]) -> _Reply:
        self._requests += 1
        number = self._requests
        reply: asyncio.Future[_Reply] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        asked = msgspec.json.encode({**parameters, "by": "people", "transaction": number})
        await self._send([Publication(topic=f"{ROOT}/request/{verb}", payload=asked, retain=False)])
        async with asyncio.timeout(_PATIENCE):
            return await reply

    async def _send(self, publications: Sequence[Publication]) -> None:
        while True:
            try:
                if self._link is not None:
                    await self._link.publish(publications)
                    return
            except (MqttError, OSError):
                pass
            await asyncio.sleep(_AGAIN)

    async def _until_shown(self, rest: int) -> None:
        async with asyncio.timeout(_PATIENCE):
            while self._outstanding > rest:
                self._room.clear()
                await self._room.wait()

    async def _keep(self, connection: Any) -> None:
        while True:
            try:
                await connection()
            except (MqttError, OSError):
                self._link = None if connection == self._publishing else self._link
                await asyncio.sleep(_AGAIN)

    async def _publishing(self) -> None:
        async with link(as_client(self._url, "city")) as self._link:
            async for _ in self._link.batches(limit=_AT_ONCE):  # it receives nothing, and ends with the connection
                pass

    async def _receiving(self) -> None:
        async with link(as_client(self._url, "sign")) as sign:
            await sign.subscribe(f"{ROOT}/spaces/market/market/+", f"{ROOT}/response/#")
            async for batch in sign.batches(limit=_AT_ONCE):
                for message in batch:
                    self._take(message)
                sign.acknowledge(batch)

    def _take(self, message: Message) -> None:
        if message.topic.startswith(f"{ROOT}/response/"):
            reply = _reply(message.payload)
            if (waiting := self._replies.pop(reply.transaction, None)) is not None:
                waiting.set_result(reply)
            return
        shown = _shown(message.payload)
        underway = self._underway.get(int(shown.space[1:]))
        since, now = (shown.since - BEGIN).total_seconds(), asyncio.get_running_loop().time()
        while underway and underway[0][0] <= since:
            self.latencies.append(now - underway.popleft()[1])
            self._outstanding -= 1
        self._room.set()
