"""The log in systemd's journal reads like prose: the whole life of a gateway, with names and priorities."""

import re
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import __version__
from parking_gateway.cli.demo.brokers import Broker
from tests.events import OCCUPIED, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_logged, has_published, publish, unavailable, until


def put_into_journal(daemon: Daemon) -> None:
    """Let the daemon take its log file for the socket of the journal, which systemd names by device and inode."""
    daemon.log.touch()
    status = daemon.log.stat()
    daemon.environment["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"


def in_order(log: str, patterns: Sequence[str]) -> None:
    """Whether the log has lines of these forms in this order, others between them."""
    lines = iter(log.splitlines())
    for pattern in patterns:
        assert any(re.fullmatch(pattern, line) for line in lines), f"No line {pattern!r}:\n{log}"


def test_a_mistake_that_ends_the_start_is_an_error_in_the_journal(daemon: Daemon) -> None:
    put_into_journal(daemon)
    daemon.configure(MQTT__KEEPALIVE="0")
    daemon.start()
    assert daemon.wait() == 78
    assert daemon.log.read_text().startswith("<3>PARKING_GATEWAY_MQTT__KEEPALIVE: mqtt.keepalive must be ")


@pytest.mark.usefixtures("lasting")
async def test_a_whole_life_reads_like_prose(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, database: str, car_park: CarPark, tmp_path: Path
) -> None:
    (device, *_) = await car_park(2)
    put_into_journal(daemon)
    (tmp_path / "config.toml").touch()
    daemon.configure(JOURNAL__AFTER="1")
    daemon.start_and_wait("--config", str(tmp_path / "config.toml"))
    await until(partial(has_logged, daemon, "everything is published"), "the end of the start")
    await publish(broker, [(topic_of(device), b"{")])
    await until(partial(has_logged, daemon, "Rejected a message"), "the rejection")
    await publish(broker, [(topic_of(device), up(device, OCCUPIED, at=0, f_cnt=0))])
    await until(partial(has_logged, daemon, "FREE → OCCUPIED"), "the change of a space")
    await until(partial(has_published, engine), "the publications")
    before = len(daemon.log.read_text())

    async def has_new(sentence: str) -> bool:
        return sentence in daemon.log.read_text()[before:]

    async with unavailable(database):
        await publish(broker, [(topic_of(device), up(device, OCCUPIED, at=2, f_cnt=2))])
        await until(partial(has_new, "kept in the journal"), "the journal")
    await until(partial(has_new, "which is empty again"), "the end of the journal")
    await until(partial(has_new, "The database is back"), "the database")
    broker.stop()
    await until(partial(has_new, "No connection to the broker"), "the absence of the broker")
    broker.start()
    await until(partial(has_new, "The broker is back"), "the broker")
    daemon.notifications.clear()
    daemon.send(signal.SIGHUP)
    daemon.wait_until("READY=1")
    assert daemon.terminate() == 0
    log = daemon.log.read_text()
    in_order(
        log,
        [
            rf"<6>parking-gateway {__version__} starts as test: configuration {tmp_path}/config.toml, .*, database \S+ on \S+",
            r"<6>Made \d+ partitions of tables, for \d{4}-\d\d, \d{4}-\d\d, \d{4}-\d\d",
            r"<6>Connected to the broker \(MQTT 5\); it had no session of ours",
            rf"<4>Rejected a message of {topic_of(device)} as malformed: .*",
            "<6>central/level-1/A-1 FREE → OCCUPIED at .* UTC",
            "<4>The database does not answer: .*; trying again",
            "<4>The database takes nothing: messages are kept in the journal",
            r"<6>Recorded 1 event of the journal, which is empty again after \d.* s",
            "<4>No connection to the broker: .*; trying again",
            r"<6>The broker is back after \d.* s \(MQTT 5\); it has kept our session and the events in it",
            "<6>The configuration was read again: nothing changed",
            "<6>Stopping: finishing the batch in hand, then what is due",
            "<6>Stopped",
        ],
    )
    assert all(re.match(r"<[2-7]>\S", line) for line in log.splitlines()), log
