"""The daemon with guests that hang and die: the spaces of other codecs are right, and it stops on SIGTERM."""

import json
import time

from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT
from tests.decoding.guests.conftest import Guest, Install
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import publish, settled, traffic, value

SOON_SECONDS = 20
"""A daemon without budgets would wait forever."""


async def test_a_guest_that_hangs_or_dies_stops_nothing(  # noqa: PLR0913 - everything is real
    *,
    daemon: Daemon,
    broker: Broker,
    database: str,
    engine: AsyncEngine,
    car_park: CarPark,
    guest: Guest,
    install: Install,
) -> None:
    """In every batch: all uplinks are recorded, and the states of spaces with working codecs are published."""
    devices = await car_park(7)
    guest("hangs", "while True: pass")
    guest("dies", "os._exit(1)")
    folder = guest("is_stuck", "return OCCUPIED", first="while True: pass")
    await install(devices[0], "hangs")
    await install(devices[1], "dies")
    await install(devices[2], "is_stuck")
    daemon.configure(DECODERS__FOLDER=str(folder))
    daemon.start_and_wait()
    began = time.monotonic()
    await publish(broker, traffic(devices, uplinks=343))
    retained = await settled(engine, broker, database, uplinks=343)
    assert time.monotonic() - began < SOON_SECONDS
    states = {
        topic.rpartition("/")[2]: json.loads(retained[topic])["state"] for topic in retained if "/spaces/" in topic
    }
    assert states == {f"A-{number}": "OCCUPIED" if number > 3 else "FREE" for number in range(1, 8)}, ROOT
    reasons = "select string_agg(distinct reason, ' ' order by reason) from rejection where dev_eui = '{}'"
    for device in devices[:3]:
        assert await value(engine, reasons.format(device)) == "codec_failed codec_out_of_time"
    assert await value(engine, "select count(*) from rejection") == 147
    assert daemon.terminate() == 0
