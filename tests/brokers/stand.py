"""A stand: the nodes of one engine, PostgreSQL, a car park, and gateways as processes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiomqtt
import psycopg

from parking_gateway.cli.demo.audit import wait_for_empty_backlog
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.recorded import read_database
from tests.brokers.engines.engine import Engine
from tests.brokers.engines.node import Node
from tests.brokers.notes import Notes
from tests.brokers.oracle import differences, read_stays
from tests.plugins.car_park import build
from tests.plugins.daemon import Daemon, daemon_in
from tests.plugins.postgres import OwnServer, engine_of, own_server_in
from tests.proof.load import Load

SPACES: Final = 50
PATIENCE: Final = timedelta(seconds=60)
"""Longer than NATS waits before it delivers again what a dead gateway had in hand."""
_AGAIN: Final = 0.2


class Stand:
    """The processes of the trials of one engine, and their ledger."""

    def __init__(self, engine: Engine, server: OwnServer, folder: Path, stack: ExitStack) -> None:
        self.engine = engine
        self.server = server
        self.folder = folder
        (folder / "broker").mkdir()
        self.nodes = engine.nodes(folder / "broker")
        self.ledger = Ledger()
        self.notes = Notes()
        self._stack = stack
        self._gateways = 0
        for node in self.nodes:
            stack.callback(node.kill)
            node.launch()
            if engine.is_pair and node is self.nodes[0]:
                node.wait()  # else the other one may take the lock first
        for node in [] if engine.is_pair else self.nodes:
            node.wait()
        self.devices = asyncio.run(build(engine_of(server.url), SPACES))
        self.load = Load([node.url for node in self.nodes], self.devices, self.ledger)

    def other(self, node: Node) -> Node:
        """The other node of a pair."""
        (found,) = [one for one in self.nodes if one is not node]
        return found

    @property
    def working(self) -> Node:
        """A node that accepts clients."""
        return next(node for node in self.nodes if node.accepts)

    def gateway(self, instance: str, **settings: str) -> Daemon:
        """One more gateway, not started yet. In a cluster it begins with another node than the gateway before."""
        addresses = [node.url.removeprefix("mqtt://") for node in self.nodes]
        first = 0 if self.engine.is_pair else self._gateways % len(addresses)
        self._gateways += 1
        daemon = self._stack.enter_context(daemon_in(self.folder, self.server.url, self.nodes[0], instance))
        daemon.serve_pages()
        url = f"mqtt://{','.join(addresses[first:] + addresses[:first])}"
        daemon.configure(MQTT__URL=url, MQTT__PROTOCOL="auto", **self.engine.gateway, **settings)
        return daemon

    async def lost(self, *, patience: timedelta = PATIENCE) -> int:
        """Wait until everything confirmed is recorded, or nothing more comes. Returns how many uplinks are missing.

        They leave the ledger, so that the next trial begins with none.
        """
        await wait_for_empty_backlog(self.ledger, self.server.url, patience=patience)
        contents = await read_database(self.server.url)
        missing = self.ledger.confirmed.keys() - contents.rows.keys()
        for one in missing:
            del self.ledger.confirmed[one]
        return len(missing)

    async def differences(self) -> list[str]:
        """What is not as the recorded uplinks demand by event time, once late uplinks had time to be corrected."""
        found: list[str] = []

        async def are_none() -> bool:
            contents, stays = await read_database(self.server.url), await read_stays(self.server.url)
            found[:] = differences(self.ledger, contents, stays)
            return not found

        await within(PATIENCE, are_none)
        return found

    async def number(self, query: str) -> float:
        """The one number that a query finds in the database."""
        async with await psycopg.AsyncConnection.connect(self.server.url) as connection:
            ((found,),) = await (await connection.execute(query.encode())).fetchall()
            return float(found or 0)


async def within(patience: timedelta, holds: Callable[[], Awaitable[bool]]) -> float | None:
    """Ask again and again until it holds. Returns after how many seconds. None: it did not hold in time."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while clock() - began < patience.total_seconds():
        with suppress(aiomqtt.MqttError, OSError):  # a broker that has just been started, or a busy machine
            if await holds():
                return clock() - began
        await asyncio.sleep(_AGAIN)
    return None


@contextmanager
def stand_of(engine: Engine) -> Iterator[Stand]:
    """The nodes and the database, started, in a folder of their own that PostgreSQL's user can read."""
    with TemporaryDirectory(prefix="parking-brokers-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        server = stack.enter_context(own_server_in(folder))
        yield Stand(engine, server, folder, stack)
