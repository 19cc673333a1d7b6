"""The log of a running gateway: a log without a reader stops nothing, and a flood of rejections makes few lines."""

import asyncio
import fcntl
import json
import os
import select
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_recorded, publish, settled, traffic, until, value


@pytest.fixture
def unread() -> Iterator[tuple[int, int]]:
    """A pipe without a reader, which a few lines fill: its reading and its writing end."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for end in (reading, writing):
        with suppress(OSError):  # closed by the test
            os.close(end)


async def is_full(writing: int) -> bool:
    """Whether a write to the pipe would wait."""
    _, writable, _ = select.select([], [writing], [], 0)
    return not writable


async def test_a_log_without_a_reader_stops_neither_uplinks_nor_the_end(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, unread: tuple[int, int]
) -> None:
    """The pipe is full, while uplinks are recorded and pages are served."""
    devices = await car_park(20)
    _, daemon.stdout = unread
    daemon.serve_pages()
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=800))
    await until(partial(is_full, daemon.stdout), "a pipe that takes no more")
    await publish(broker, traffic(devices, uplinks=1200)[800:])
    await settled(engine, broker, database, uplinks=1200)
    assert daemon.page("/healthz")[0] == daemon.page("/readyz")[0] == 200
    began = time.monotonic()
    assert await asyncio.to_thread(daemon.terminate) == 0
    assert time.monotonic() - began < 10


async def test_a_log_with_a_closed_reader_stops_no_uplink(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, unread: tuple[int, int]
) -> None:
    devices = await car_park(5)
    reading, daemon.stdout = unread
    daemon.serve_pages()
    daemon.start_and_wait()
    os.close(reading)
    os.close(daemon.stdout)
    await publish(broker, traffic(devices, uplinks=100))
    await until(partial(has_recorded, engine, 99), "all uplinks")
    assert daemon.metric("parking_gateway_log_lines_dropped_total") > 0
    assert daemon.terminate() == 0


async def test_rejections_make_few_and_short_lines_that_count_all_of_them(
    daemon: Daemon, broker: Broker, engine: AsyncEngine
) -> None:
    """With topics of 60 kB that would change a terminal's direction of writing."""
    topic = f"application/{'x' * 59_000}\u202e/device/00/event/up"
    daemon.start_and_wait()
    await publish(broker, [(topic, b"{")] * 200)

    async def are_rejected() -> bool:
        return bool(await value(engine, "select count(*) from rejection") == 200)

    await until(are_rejected, "a rejection of each")
    assert daemon.terminate() == 0
    log = daemon.log.read_text()
    lines = [line for line in map(json.loads, log.splitlines()) if line["message"] == "Rejected a message"]
    assert sum(1 + line.get("left_out", 0) for line in lines) == 200
    assert lines[0]["topic"].endswith("\u202e/device/00/event/up")
    assert len(log) < 50_000
    assert "\u202e" not in log
