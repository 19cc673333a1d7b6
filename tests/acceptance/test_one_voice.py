"""Faults, one after the other: page, metrics, retained health and `doctor` report the same, and the log two lines for each.

Each fault is real, and the reason that the gateway gives proves that it happened.
"""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.cli.doctor.running import examine_gateway, look
from parking_gateway.process.config import Config, ListenAddress
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import GatewayConfig, TelemetryConfig
from tests.acceptance.test_database_faults import CUT, MEND, RAISE, Administrator, administrator
from tests.events import OCCUPIED, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.chirpstack_api import KEY, ChirpStackApi
from tests.plugins.daemon import Daemon
from tests.whole_gateway import halted, publish, settled, traffic, unavailable, until

pytestmark = pytest.mark.usefixtures("lasting")
BEGINS = ("The database does not answer; trying again", "The database cannot be used as it is; trying again")


class Voices:
    """What page, metrics, retained health and `doctor` report."""

    def __init__(self, daemon: Daemon, broker: Broker) -> None:
        self._daemon = daemon
        self._broker = broker
        daemon.serve_pages()
        host, _, port = daemon.listen.rpartition(":")
        self._config = Config(
            mqtt=MqttConfig(url=broker.url, protocol="5", timeout=timedelta(seconds=1)),
            gateway=GatewayConfig(instance="test"),
            telemetry=TelemetryConfig(listen=ListenAddress(host, int(port)), timeout=timedelta(seconds=2)),
        )

    def page(self) -> dict[str, Any]:
        """The answer of /readyz."""
        status, body = self._daemon.page("/readyz")
        page: dict[str, Any] = json.loads(body)
        assert page["ready"] is (status == 200)
        return page

    async def agree(self, missing: Sequence[str], *problems: str, has_broker: bool = True) -> bool:
        """Whether all report these as missing, and problems that contain these words, no others.

        Without the broker there is no retained health.
        """
        page = self.page()
        found = page.get("problems", [])
        if page["missing"] != list(missing) or not _are(found, problems):
            return False
        metric = self._daemon.metric
        assert metric("parking_gateway_ready") == (not missing)
        if metric("parking_gateway_problems") != len(found):
            return False
        if metric("parking_gateway_database_up") != ("database" not in missing):
            return False
        if metric("parking_gateway_broker_up") != ("broker" not in missing):
            return False
        return await self._doctor_agrees(missing, problems) and (
            not has_broker or await self._health_agrees(missing, problems)
        )

    async def _health_agrees(self, missing: Sequence[str], problems: Sequence[str]) -> bool:
        retained = await read_retained(self._broker.url, f"{ROOT}/gateways")
        health = json.loads(retained[f"{ROOT}/gateways/test/health"])
        return (
            health["missing"] == list(missing)
            and health["ready"] is not bool(missing)
            and (health["database"] == "up") is ("database" not in missing)
            and _are(health["problems"], problems)
        )

    async def _doctor_agrees(self, missing: Sequence[str], problems: Sequence[str]) -> bool:
        first, *more = examine_gateway(await look(self._config), self._config, now=datetime.now(UTC))
        return (first.verdict == "fine") is (not missing) and _are([one.detail for one in more], problems)


def _are(found: Sequence[str], expected: Sequence[str]) -> bool:
    return len(found) == len(expected) and all(any(words in one for one in found) for words in expected)


@asynccontextmanager
async def changed(admin: Administrator, breaks: Sequence[str], mends: Sequence[str]) -> AsyncIterator[None]:
    """Inside, the database is as the administrator has changed it."""
    await admin.execute(breaks)
    try:
        yield
    finally:
        await admin.execute(mends)


@asynccontextmanager
async def locked(engine: AsyncEngine) -> AsyncIterator[None]:
    """Inside, another session holds the table of uplinks."""
    async with engine.begin() as connection:
        await connection.execute(sa.text("lock table uplink in access exclusive mode"))
        yield


async def test_faults_of_the_database_are_reported_alike(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """During each of them and afterwards. Its events are in the journal meanwhile."""
    devices = await car_park(5)
    voices = Voices(daemon, broker)
    daemon.configure(JOURNAL__AFTER="0.3", DATABASE__LOCK_TIMEOUT="0.3", INTAKE__TIMEOUT="1")
    daemon.configure(DATABASE__STATEMENT_TIMEOUT="1", DATABASE__CONNECT_TIMEOUT="2")
    async with administrator(database, daemon) as admin:
        change = partial(changed, admin)
        read_only = "alter database {db} set default_transaction_read_only = on"
        faults: list[tuple[AbstractAsyncContextManager[None], str]] = [
            (change(["alter role {role} nologin", CUT], ["alter role {role} login"]), "not permitted to log in"),
            (change([read_only, CUT], ["alter database {db} reset default_transaction_read_only", CUT]), "read-only"),
            (
                change(["revoke insert on uplink from {role}"], ["grant insert on uplink to {role}"]),
                "permission denied",
            ),
            (locked(engine), "lock timeout"),
            (change([RAISE[0].format("53100"), RAISE[1]], MEND), "make room"),
            (halted(database), "no answer in time"),
        ]
        daemon.start_and_wait()
        sent = traffic(devices, uplinks=len(faults))
        await until(partial(voices.agree, []), "a report that nothing is missing")
        for number, (fault, words) in enumerate(faults):
            async with fault:
                await publish(broker, sent[number : number + 1])
                await until(partial(voices.agree, ["database"]), f"a report of the fault: {words}")
                await until(partial(_gives_reason, voices, words), f"the reason: {words}")
                kept = "1 event kept until the database is back; nothing is lost"
                await until(partial(_gives_reason, voices, kept), f"an event in the journal: {words}")
            await until(partial(voices.agree, []), f"a report of the end: {words}")
            await until(partial(_has_lines, daemon, "The database answers again", number + 1), f"one end: {words}")
            assert float(str(daemon.log_lines("The database answers again")[-1]["seconds"])) > 0
        await settled(engine, broker, database, uplinks=len(faults))
        begins = [line for sentence in BEGINS for line in daemon.log_lines(sentence) if line["level"] != "DEBUG"]
        # A cut connection comes before its reason. No more than one line has no other task for a person.
        assert len(faults) <= len(begins) <= 2 * len(faults)
        assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()


async def _has_lines(daemon: Daemon, sentence: str, count: int) -> bool:
    """Whether there are exactly as many. A thread writes them a moment later."""
    return len(daemon.log_lines(sentence)) == count


async def _gives_reason(voices: Voices, words: str) -> bool:
    return words in str(voices.page().get("why"))


Restart = Callable[[str, str], None]


@pytest.fixture
def restart(broker: Broker, tmp_path: Path) -> Restart:
    """Kills the test's Mosquitto and starts it with this text of its configuration replaced by that one."""

    def restart(text: str, other: str) -> None:
        (file,) = tmp_path.rglob("mosquitto.conf")
        before = file.read_text()
        assert text in before
        broker.kill()
        file.write_text(before.replace(text, other))
        broker.start()

    return restart


async def test_faults_of_the_broker_are_reported_alike(daemon: Daemon, broker: Broker, restart: Restart) -> None:
    """It is away, it hangs, and it refuses the gateway. Meanwhile there is no retained health to compare."""
    voices = Voices(daemon, broker)
    daemon.configure(MQTT__KEEPALIVE="1", MQTT__TIMEOUT="1")
    daemon.start_and_wait()
    to_all, to_nobody = "allow_anonymous true", "allow_anonymous false"
    faults: list[tuple[Callable[[], object], Callable[[], object], str]] = [
        (broker.kill, broker.start, "Connect"),
        (partial(_signal, broker, signal.SIGSTOP), partial(_signal, broker, signal.SIGCONT), "no answer"),
        (partial(restart, to_all, to_nobody), partial(restart, to_nobody, to_all), "Not authorized"),
    ]
    for number, (breaks, mends, words) in enumerate(faults):
        await until(partial(voices.agree, []), "a report that nothing is missing")
        await asyncio.to_thread(breaks)
        try:
            await until(partial(_gives_reason, voices, words), f"the reason: {words}")
            await until(partial(voices.agree, ["broker"], has_broker=False), "a report that the broker is missing")
        finally:
            await asyncio.to_thread(mends)
        await until(partial(voices.agree, []), "a report that it is back")
        await until(partial(_has_lines, daemon, "Connected to the broker", number + 2), "one connection")
        assert float(str(daemon.log_lines("Connected to the broker")[-1]["seconds"])) > 0
    # The last one is two lines: the broker is killed, and then it refuses.
    await until(partial(_has_lines, daemon, "No connection to the broker", len(faults) + 1), "a line for each fault")
    assert daemon.terminate() == 0


def _signal(broker: Broker, number: signal.Signals) -> None:
    assert broker.pid is not None
    os.kill(broker.pid, number)


async def test_problems_beside_the_work_are_reported_alike(  # noqa: PLR0913 - everything is real
    *,
    daemon: Daemon,
    broker: Broker,
    database: str,
    engine: AsyncEngine,
    car_park: CarPark,
    chirpstack_api: ChirpStackApi,
    tmp_path: Path,
) -> None:
    """Codecs that are not mounted, an API that is away, a full journal, and a clock three hours behind."""
    devices = await car_park(5)
    voices = Voices(daemon, broker)
    folder = tmp_path / "codecs"
    chirpstack_api.stop()
    daemon.configure(DECODERS__FOLDER=str(folder), JOURNAL__AFTER="0.3", JOURNAL__MAX_BYTES="20000")
    daemon.configure(CHIRPSTACK__API_URL=f"http://localhost:{chirpstack_api.port}", CHIRPSTACK__API_KEY=KEY)
    daemon.start_and_wait()
    unmounted, away, full, clock = (
        "decoders.folder",
        "API of ChirpStack cannot be reached",
        "journal is full",
        "clock of",
    )
    sent = traffic(devices, uplinks=50)
    await until(partial(voices.agree, [], unmounted, away), "both problems")
    async with unavailable(database):
        await publish(broker, sent)
        await until(partial(voices.agree, ["database"], unmounted, away, full), "a problem of the journal")
    await until(partial(voices.agree, [], unmounted, away), "the end of the journal's problem")
    await settled(engine, broker, database, uplinks=50)
    chirpstack_api.start()
    folder.mkdir()
    (folder / "mine.py").touch()
    await until(partial(voices.agree, []), "no problem")
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        ahead = datetime.now(UTC) + timedelta(hours=3)
        await client.publish(topic_of(devices[0]), dated(up(devices[0], OCCUPIED, f_cnt=100), ahead), qos=1)
    await until(partial(voices.agree, [], clock), "a problem of the clock")
    over = {line["about"] for line in daemon.log_lines("A problem is over")}
    assert over == {"journal", "healing", "decoders.folder"}
    assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()


def dated(event: bytes, at: datetime) -> bytes:
    """The event as of this time, by every clock but ours."""
    fields = json.loads(event)
    fields["time"] = at.isoformat()
    for receiver in fields["rxInfo"]:
        receiver["nsTime"] = receiver["gwTime"] = at.isoformat()
    return json.dumps(fields).encode()
