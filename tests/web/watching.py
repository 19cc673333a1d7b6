"""A client of the board: asks its pages, and watches its changes as a browser does."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.plugins.daemon import Daemon

PATIENCE = 30


class Change(NamedTuple):
    """A server-sent event."""

    kind: str
    data: Any
    cursor: str | None


def url_of(daemon: Daemon) -> str:
    """Let the gateway serve the board from its next start on, and return the address."""
    listen = f"{LOCALHOST}:{free_port()}"
    daemon.configure(WEB__LISTEN=listen)
    return f"http://{listen}"


@asynccontextmanager
async def started(daemon: Daemon, *arguments: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that is started with a board."""
    url = url_of(daemon)
    await asyncio.to_thread(daemon.start_and_wait, *arguments)
    await asyncio.to_thread(daemon.wait_for_line, "The board is served")
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
        yield client


class Watch:
    """An open stream of changes."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.seen: list[Change] = []
        """Everything that came."""
        self._changes = _changes(response)

    async def until(self, kind: str, holds: Callable[[Any], bool] = lambda _: True) -> Change:
        """The next change of this kind whose data are so."""
        async with asyncio.timeout(PATIENCE):
            async for change in self._changes:
                self.seen.append(change)
                if change.kind == kind and holds(change.data):
                    return change
        raise AssertionError(f"the stream ended without {kind}")

    async def until_seen(self, kind: str, holds: Callable[[Any], bool] = lambda _: True) -> Change:
        """The first change of this kind whose data are so, also if it has come already.

        A change that is committed while the board is read can come in two parts, of which either may be the first.
        """
        for change in self.seen:
            if change.kind == kind and holds(change.data):
                return change
        return await self.until(kind, holds)

    async def ends(self) -> None:
        """Read until the server ends the stream."""
        async with asyncio.timeout(PATIENCE):
            async for change in self._changes:
                self.seen.append(change)


@asynccontextmanager
async def watching(client: httpx.AsyncClient, since: str = "", *, last: str | None = None) -> AsyncIterator[Watch]:
    """Watch from a cursor on; `last` is what a browser repeats after a lost connection."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with client.stream("GET", "/board/live", params={"since": since}, headers=headers) as response:
        yield Watch(response)


async def _changes(response: httpx.Response) -> AsyncIterator[Change]:
    """The events of the stream, by the rules of HTML's EventSource."""
    kind, data, cursor = "message", [], None
    async for line in response.aiter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            cursor = value
        elif not line:
            if data:
                yield Change(kind, json.loads("\n".join(data)), cursor)
            kind, data = "message", []
