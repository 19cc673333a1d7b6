"""A counted zone from the uplinks of its counter to the published counts, with the gateway as a process."""

import asyncio
import json

import aiomqtt
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT
from tests.cli.test_register import invoke
from tests.events import topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import PATIENCE, publish, validate, value

COUNTER = "24e124a84041000d"
ZONE = "central/level-1"


def passed(came: int, *, at: int) -> tuple[str, bytes]:
    total = b"\x03\xd2" + came.to_bytes(4, "little") + b"\x04\xd2" + bytes(4)
    return topic_of(COUNTER), up(COUNTER, total, at=at, f_cnt=at, f_port=85)


async def test_what_drives_in_is_published_as_the_count_of_its_zone(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(1)
    for arguments in (("set", ZONE, "capacity=20"), ("counter", "add", COUNTER, ZONE, "--codec", "milesight_vs133")):
        assert (await asyncio.to_thread(invoke, database, "zones", *arguments)).returncode == 0
    async with engine.begin() as connection:  # the uplinks of this test are of yesterday
        await connection.execute(sa.text("update zone set counted_since = 'epoch'"))
    daemon.start_and_wait()
    async with aiomqtt.Client(LOCALHOST, broker.port) as sign:
        await sign.subscribe(f"{ROOT}/zones/{ZONE}", qos=1)
        await publish(broker, [passed(100, at=1), passed(108, at=3), passed(104, at=2)])
        async with asyncio.timeout(PATIENCE):
            async for message in sign.messages:
                counts = json.loads(bytes(message.payload))
                validate("counts", counts)
                if counts["occupied"]:
                    break
    assert (counts["source"], counts["total"], counts["free"], counts["occupied"]) == ("counter", 20, 12, 8)
    assert await value(engine, "select count from zone") == 8
