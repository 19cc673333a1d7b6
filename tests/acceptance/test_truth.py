"""What the daemon says of itself while something is wrong: log, metrics, pages, retained health and doctor, all the same."""

import asyncio
import os
import select
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.demo.brokers import Broker
from tests.acceptance.test_daemon import has_recorded, publish, settled, traffic, until
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon


@pytest.fixture
def unread() -> Iterator[tuple[int, int]]:
    """A pipe that nobody reads: its reading and its writing end."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with suppress(OSError):  # closed by the test
            os.close(end)


async def is_full(writing: int) -> bool:
    """Whether whoever writes more has to wait."""
    _, writable, _ = select.select([], [writing], [], 0)
    return not writable


async def test_a_log_that_nobody_reads_stops_no_uplink_and_no_end(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, unread: tuple[int, int]
) -> None:
    """The pipe is full, while every uplink goes its way and all pages answer."""
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


async def test_a_log_whose_reader_has_gone_stops_no_uplink(
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
