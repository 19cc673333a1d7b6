"""The real processes: Mosquitto, a synchronous pair of PostgreSQL servers, and the gateway. They share a wall clock that is set."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest

from benchmarks.car_park import CODEC
from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.brokers import Broker
from tests.faked_clock import FakedClock
from tests.plugins.broker import NO_MOSQUITTO
from tests.plugins.daemon import Daemon, daemon_in
from tests.plugins.pair import Pair, PairMember
from tests.plugins.postgres import own_server_in
from tests.year.city import BEGIN, Zone

KEPT_DAYS: Final = 60
"""Days for which rows of months are kept."""
_LONG: Final = str(12 * 3600)
_STORE: Final = "persistence true\npersistence_location {folder}/\nlog_type error\nlog_type warning\n"
_SETTINGS: Final = """
fsync = on
shared_buffers = 512MB
max_wal_size = 4GB
# PostgreSQL measures these by the wall clock, which goes thousands of times faster here than its work.
checkpoint_timeout = 1d
wal_sender_timeout = 0
wal_receiver_timeout = 0
autovacuum_naptime = 1s
"""


class Machines:
    """All processes of the city."""

    def __init__(self, folder: Path, *, clock: FakedClock, broker: Broker, pair: Pair, gateway: Daemon) -> None:
        self.folder = folder
        self.clock = clock
        self.broker = broker
        self.pair = pair
        self.primary: PairMember = pair.first
        self.standby: PairMember = pair.second
        self.gateway = gateway

    @property
    def url(self) -> str:
        """Of the primary."""
        return self.primary.url

    async def start_gateway(self) -> None:
        """Start it, and wait until it is ready."""
        await asyncio.to_thread(self.gateway.start_and_wait)

    async def promote_standby(self) -> None:
        """Kill the primary, and promote its standby."""
        await asyncio.to_thread(self.primary.kill)
        await asyncio.to_thread(self.standby.promote)
        self.primary, self.standby = self.standby, self.primary

    async def rebuild_standby(self) -> None:
        """Give the new primary a standby: the old primary's data are thrown away."""
        await asyncio.to_thread(self.standby.rebuild, self.primary)

    async def restart_broker(self) -> None:
        """Stop it as a package upgrade does, which saves its store, and start it again."""
        await asyncio.to_thread(self.broker.stop)
        await asyncio.to_thread(self.broker.start)


@contextmanager
def machines_in(folder: Path, zones: list[Zone], settings: Mapping[str, str]) -> Iterator[Machines]:
    """The servers started, the city in the register, and the gateway configured and not started yet."""
    broker = brokers.mosquitto(folder)
    if broker is None:
        pytest.skip(NO_MOSQUITTO)
    clock = FakedClock(folder)
    clock.reach(BEGIN)
    with (folder / "mosquitto.conf").open("a") as conf:
        conf.write(_STORE.format(folder=folder))
    with ExitStack() as stack:
        broker.start()
        stack.callback(broker.stop)
        pair = _pair(folder, clock, zones)
        stack.callback(pair.stop)
        pair.start()
        pair.be_synchronous()
        gateway = stack.enter_context(daemon_in(folder, pair.url, broker, "year"))
        gateway.is_forked = False  # its memory is measured, and its clock is preloaded
        gateway.serve_pages()
        gateway.environment |= clock.environment
        kept = ("UPLINKS", "PAST_READINGS", "DEVICE_EVENTS", "REJECTIONS", "REQUESTS", "TRANSITIONS", "PAST_STAYS")
        gateway.configure(
            # As `_SETTINGS` has it.
            DATABASE__STATEMENT_TIMEOUT=_LONG,
            DATABASE__LOCK_TIMEOUT=_LONG,
            CLOCK__MISSED_HEARTBEATS="0",
            REQUESTS__PER_MINUTE="100000",
            REQUESTS__PER_MINUTE_OF_ALL="1000000",
            **{f"RETENTION__{name}": str(KEPT_DAYS) for name in kept},
            **settings,
        )
        yield Machines(folder, clock=clock, broker=broker, pair=pair, gateway=gateway)


def _pair(folder: Path, clock: FakedClock, zones: list[Zone]) -> Pair:
    """Two servers with the city in their database."""
    with own_server_in(folder) as server:
        _register(server.url, zones)
    data = folder / "pair"
    data.mkdir(mode=0o755)
    pair = Pair(folder / "postgresql", data)
    for one in (pair.first, pair.second):
        one.configure(_SETTINGS)
        one.environment |= clock.environment
    return pair


def _register(url: str, zones: list[Zone]) -> None:
    """Enter the city, as an import of its register does."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into site (name) select distinct name from unnest(%s::text[]) as name",
            [[one.site for one in zones]],
        )
        connection.cursor().executemany(
            "insert into zone (site_id, name, max_stay) select id, %s, %s from site where name = %s",
            [(one.name, one.kind.max_stay, one.site) for one in zones],
        )
        connection.cursor().executemany(
            "insert into space (zone_id, name) select id, 's' || number from zone, generate_series(%s::int, %s::int) as number"
            " where zone.name = %s order by number",
            [(one.first, one.first + one.spaces - 1, one.name) for one in zones],
        )
        connection.execute(
            "insert into device (dev_eui) select '0004a30b' || lpad(to_hex(ltrim(name, 's')::int + 1), 8, '0') from space"
        )
        connection.execute(
            "insert into installation (dev_eui, space_id, codec)"
            " select '0004a30b' || lpad(to_hex(ltrim(name, 's')::int + 1), 8, '0'), id, %s from space",
            [CODEC],
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
