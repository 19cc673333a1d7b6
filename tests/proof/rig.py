"""The rig of a trial: a broker, a PostgreSQL server and a gateway between them, each a process that can be broken."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from parking_gateway.cli.demo.audit import AuditReport, audit
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.recorded import DatabaseContents, read_database
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests import forked
from tests.plugins.broker import mosquitto_in
from tests.plugins.car_park import build
from tests.plugins.daemon import Daemon, daemon_in
from tests.plugins.postgres import OwnServer, engine_of, own_server_in
from tests.proof.load import Load
from tests.proof.tap import Tap
from tests.whole_gateway import until

SPACES: Final = 50
_CATCH_UP: Final = timedelta(seconds=60)
_LAST: Final = 200
"""Uplinks that have to be recorded before the gateway counts as recovered."""
_RECORDED: Final = "select count(distinct deduplication_id) from uplink where deduplication_id = any(%s)"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger, compared with the database at the end."""

    acknowledged: int
    """Uplinks that the broker confirmed."""
    lost: int
    """Of these, those that the database does not have, without those that the broker lost."""
    lost_by_broker: int = 0
    """Of these, those that the gateway never acknowledged to the broker, and that the broker does not have any more."""
    lost_with_server: int = 0
    """Of these, those that only a server had recorded that is gone, such as the primary of a standby that was behind."""
    duplicated: int
    """Rows beyond the first of each uplink."""
    unexpected: int
    """Rows of uplinks that nobody sent."""
    differences: tuple[str, ...] = ()
    """Wrong spaces, illegal transitions, topics that differ from the database: a sentence for each."""

    @property
    def is_right(self) -> bool:
        """Whether nothing is lost, doubled, invented or wrong."""
        return not (self.lost or self.duplicated or self.unexpected or self.differences)


class Rig:
    """The processes, the ledger, and what was noted."""

    def __init__(self, folder: Path, broker: Broker, server: OwnServer, gateway: Daemon, devices: list[str]) -> None:
        self.folder = folder
        self.broker = broker
        self.server = server
        self.gateway = gateway
        self.devices = devices
        self.ledger = Ledger()
        self.load = Load([broker.url], devices, self.ledger)
        self.tap: Tap | None = None
        """Between gateway and broker, where a trial has put it."""
        self.afterwards = ExitStack()
        """What ends behind the counts, such as other servers and the tap."""
        self.dice = Random(1)
        self.times = 0
        """How many faults have happened, each proven."""
        self.recovered: list[float] = []
        """Seconds from the end of a fault until the gateway was ready and had recorded what the broker had confirmed by then."""
        self.lost_with_server: set[UUID] = set()
        """Uplinks that only a server has that is gone, as a trial has found them there. They are lost, and nobody's fault."""
        self.reports: list[str] = []
        """What health, metrics, pages and `doctor` reported during a fault."""

    def happened(self, proof: object) -> None:
        """Count a fault. `proof` is what shows that it happened; where it is false, the trial fails."""
        assert proof, "the fault did not happen, so this trial proves nothing"
        self.times += 1

    async def pause(self, shortest: float, longest: float) -> None:
        """Let the load run on for a random time in seconds, so that the fault comes at any moment."""
        await asyncio.sleep(self.dice.uniform(shortest, longest))

    async def start_gateway(self) -> None:
        """Start it, and wait until it has reported that it is ready."""
        await asyncio.to_thread(self.gateway.start_and_wait)

    async def restart_gateway(self) -> None:
        """Start it after a fault, and measure how long it needs from the start of its process."""
        began = self.seconds()
        await self.start_gateway()
        await self.recover(since=began)

    async def kill_gateway(self) -> None:
        """End it with SIGKILL, and count the fault."""
        self.gateway.kill()
        self.happened(self.gateway.wait() == -9)

    @staticmethod
    def seconds() -> float:
        """The time by a clock that never goes back."""
        return asyncio.get_running_loop().time()

    @contextmanager
    def another_gateway(self, instance: str, **settings: str) -> Iterator[Daemon]:
        """One more gateway for the same broker and database, with pages of its own, not started yet."""
        with daemon_in(self.folder, self.server.url, self.broker, instance) as gateway:
            gateway.is_forked = self.gateway.is_forked
            gateway.serve_pages()
            gateway.configure(**settings)
            yield gateway

    def tap_broker(self, *, host: str = LOCALHOST) -> Tap:
        """Put a tap between gateway and broker, before the gateway starts. It shows what the broker loses."""
        self.tap = Tap(self.broker.port, host=host)
        self.afterwards.callback(self.tap.close)
        self.gateway.configure(MQTT__URL=self.tap.url)
        return self.tap

    def configure_broker(self, lines: str) -> None:
        """Start the broker again, with more lines in its configuration."""
        self.broker.stop()
        with (self.folder / "mosquitto.conf").open("a") as conf:
            conf.write(lines)
        self.broker.start()

    async def recover(self, *, since: float | None = None, after: int = 0) -> None:
        """The fault has ended, now or at a time of `seconds`: measure how long the gateway needs.

        Of a broker that may have lost events, only those count that it confirmed after the first `after`.
        """
        began = self.seconds() if since is None else since
        await self.settle(after=after)
        self.recovered.append(self.seconds() - began)

    async def settle(self, *, after: int = 0) -> None:
        """Wait until the gateway is ready and has recorded the last of what the broker has confirmed by now."""

        async def has_confirmed() -> bool:
            return len(self.ledger.confirmed) > after

        await until(has_confirmed, "a confirmation of the broker")
        confirmed = [*self.ledger.confirmed][after:][-_LAST:]

        async def holds() -> bool:
            try:
                with psycopg.connect(self.server.url) as connection:
                    (recorded,) = connection.execute(_RECORDED, [confirmed]).fetchone() or (0,)
            except psycopg.OperationalError:  # the server still recovers
                return False
            return bool(recorded == len(confirmed)) and await self.misses([])

        await until(holds, "a gateway that has recovered")

    async def misses(self, missing: list[str]) -> bool:
        """Whether page, metrics and retained health agree, and report exactly these as missing."""
        try:
            status, body = await asyncio.to_thread(self.gateway.page, "/readyz")
            is_ready = await asyncio.to_thread(self.gateway.metric, "parking_gateway_ready")
        except OSError:
            return False
        page = json.loads(body)
        # Without the broker it cannot publish its health.
        if (health := page if "broker" in missing else await self.health()) is None:
            return False
        is_reported: bool = page["missing"] == health["missing"] == missing
        return is_reported and {status == 200, bool(is_ready), bool(health["ready"])} == {not missing}

    async def health(self) -> dict[str, Any] | None:
        """Its retained health. None: the broker has none."""
        topic = f"{ROOT}/gateways/test/health"
        retained = await read_retained(self.broker.url, topic)
        found: dict[str, Any] | None = json.loads(retained[topic]) if topic in retained else None
        return found

    async def reports_missing(self, *missing: str) -> None:
        """During a fault: wait until all voices report exactly these as missing, and note what they report."""
        began = self.seconds()
        await until(partial(self.misses, [*missing]), f"a report that {missing} is missing")
        seconds = self.seconds() - began
        named = [check for check in await self.doctor() if check["verdict"] == "wrong"]
        assert named, "doctor finds nothing wrong"
        about = ", ".join(sorted({str(check["about"]) for check in named}))
        self.reports.append(f"{' and '.join(missing)} missing within {max(1, ceil(seconds))} s; doctor: {about} wrong")

    async def reports_absence(self) -> None:
        """While the gateway is dead: its retained status is its will, and `doctor` finds none."""
        began = self.seconds()
        await until(self._is_offline, "its will")
        seconds = self.seconds() - began
        (found,) = [check for check in await self.doctor() if check["about"] == "gateway"]
        assert found["verdict"] == "wrong"
        assert found["detail"].startswith("none runs")
        self.reports.append(f'status "offline" after {seconds:.1f} s; doctor: no gateway runs')

    async def _is_offline(self) -> bool:
        topic = f"{ROOT}/gateways/test"
        return bool(json.loads((await read_retained(self.broker.url, topic))[topic])["status"] == "offline")

    async def doctor(self) -> list[dict[str, Any]]:
        """Its checks."""
        asked = await asyncio.to_thread(forked.run, "doctor", "--listen", "0", "--json", env=self.gateway.environment)
        checks: list[dict[str, Any]] = json.loads(asked.stdout)
        return checks

    async def count(self) -> Counts:
        """Wait until the gateway has caught up, and compare everything."""
        lost_by_broker = await self._lost_by_broker()
        for one in lost_by_broker | self.lost_with_server:
            del self.ledger.confirmed[one]
        report = await audit(
            ledger=self.ledger, broker_url=self.broker.url, database_url=self.server.url, patience=_CATCH_UP
        )
        return _counts(
            self.ledger,
            report,
            await read_database(self.server.url),
            lost_by_broker=len(lost_by_broker),
            lost_with_server=len(self.lost_with_server),
        )

    async def _lost_by_broker(self) -> set[UUID]:
        """Confirmed uplinks that the gateway never acknowledged, although a later one has reached it."""
        if (tap := self.tap) is None:
            return set()
        await self.load.burst(1)
        last = [*self.ledger.confirmed][-1]

        async def holds() -> bool:
            return last in tap.acknowledged

        # The broker delivers a session in its order.
        await until(holds, "an acknowledgement of the last uplink")
        recorded = (await read_database(self.server.url)).rows
        return self.ledger.confirmed.keys() - tap.acknowledged - recorded.keys()


def _counts(
    ledger: Ledger, report: AuditReport, contents: DatabaseContents, *, lost_by_broker: int, lost_with_server: int
) -> Counts:
    return Counts(
        acknowledged=report.uplinks + lost_by_broker + lost_with_server,
        lost=report.lost,
        lost_by_broker=lost_by_broker,
        lost_with_server=lost_with_server,
        duplicated=sum(rows - 1 for rows in contents.rows.values()),
        unexpected=len(contents.rows.keys() - ledger.sent.keys()),
        differences=report.differences,
    )


@contextmanager
def rig_in(folder: Path, spaces: int = SPACES) -> Iterator[Rig]:
    """The servers started, the gateway configured and not started yet."""
    broker = mosquitto_in(folder)
    broker.start()
    try:
        with own_server_in(folder) as server, daemon_in(folder, server.url, broker, "test") as gateway:
            gateway.serve_pages()
            devices = asyncio.run(build(engine_of(server.url), spaces))
            rig = Rig(folder, broker, server, gateway, devices)
            with rig.afterwards, closing(gateway):
                yield rig
    finally:
        broker.stop()


@contextmanager
def temporary_rig(spaces: int = SPACES) -> Iterator[Rig]:
    """A rig in a folder of its own, which PostgreSQL's user can read."""
    with TemporaryDirectory(prefix="parking-proof-") as folder:
        Path(folder).chmod(0o755)
        with rig_in(Path(folder), spaces) as rig:
            yield rig


async def number_of(connection: psycopg.AsyncConnection, query: str) -> int:
    """The one number that a query finds."""
    ((found,),) = await (await connection.execute(query.encode())).fetchall()
    return int(found)
