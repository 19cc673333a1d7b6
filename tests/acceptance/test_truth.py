"""What the daemon says of itself while something is wrong: log, metrics, pages, retained health and doctor, all the same."""

import asyncio
import fcntl
import os
import termios
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
        with suppress(OSError):
            os.close(end)


def waiting_bytes(reading: int) -> int:
    return int.from_bytes(fcntl.ioctl(reading, termios.FIONREAD, bytes(4)), "little")


async def test_a_log_that_nobody_reads_stops_no_uplink_and_no_end(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark, unread: tuple[int, int]
) -> None:
    """The pipe is full and lines are dropped, while every uplink goes its way and all pages answer."""
    devices = await car_park(20)
    reading, daemon.stdout = unread
    daemon.serve_pages()
    daemon.configure(TELEMETRY__LOG_LEVEL="TRACE")  # a line for every packet and statement
    daemon.start_and_wait()
    sent = 0

    async def is_beyond_its_bound() -> bool:
        nonlocal sent
        await publish(broker, traffic(devices, uplinks=sent + 500)[sent:])
        sent += 500
        return daemon.metric("parking_gateway_log_lines_dropped_total") > 0

    await until(is_beyond_its_bound, "lines of log that are dropped")
    await settled(engine, broker, database, uplinks=sent)
    assert waiting_bytes(reading) > 60_000
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
