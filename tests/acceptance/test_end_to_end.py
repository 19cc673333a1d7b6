"""From an event of ChirpStack to the published messages: schemas, and recordings of a real ChirpStack."""

import asyncio
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT
from tests.events import topic_of
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.topics import channel_of, published
from tests.whole_gateway import (
    PATIENCE,
    SCHEMA_BY_LEVEL,
    publish,
    settled,
    traffic,
    validate,
    value,
)

RECORDINGS = Path(__file__).parents[1] / "recordings"


async def test_every_message_follows_its_schema(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(3)
    steps: list[dict[str, Any]] = []
    async with aiomqtt.Client(LOCALHOST, broker.port) as dashboard:
        await dashboard.subscribe(f"{ROOT}/transitions/#", qos=1)
        daemon.is_forked = False
        daemon.start_and_wait()
        await publish(broker, traffic(devices, uplinks=6))
        async with asyncio.timeout(PATIENCE):
            async for message in dashboard.messages:
                assert str(message.topic).startswith(f"{ROOT}/transitions/central/level-1/A-")
                assert not message.retain
                steps.append(json.loads(bytes(message.payload)))
                if len(steps) == 6:
                    break
    retained = await settled(engine, broker, database, uplinks=6)
    for step in steps:
        validate("transition", step)
    assert {topic.split("/")[2] for topic in retained} == set(SCHEMA_BY_LEVEL)
    if "5" in broker.protocols:  # Mosquitto, whose log every acceptance test is checked by
        channels = {channel_of(one) for one in published(broker.log.read_text())}
        assert channels >= {"space", "zone", "site", "device", "transition", "gateway", "health", "marker"}
        assert None not in channels
    assert len({step["id"] for step in steps}) == 6
    space = json.loads(retained[f"{ROOT}/spaces/central/level-1/A-1"])
    assert (space["state"], space["previous"], space["occupancy"], space["contact"]) == (
        "FREE",
        "OCCUPIED",
        "vacant",
        "live",
    )


@pytest.mark.parametrize("form", ["json", "protobuf"])
async def test_recorded_events_of_chirpstack_are_processed_to_the_end(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, form: str
) -> None:
    """Each `up` event is recorded once, no event stalls the queue, and broken messages between them are rejected with a reason."""
    recorded = [json.loads(line) for line in (RECORDINGS / f"chirpstack-{form}.jsonl").read_text().splitlines()]
    sent = [(one["topic"], b64decode(one["payload"])) for one in recorded]
    poison = [(topic_of("00", event), b"\xff{") for event in ("up", "join", "status", "log", "nonsense")]
    daemon.start_and_wait()
    await publish(broker, [*sent[:100], *poison, *sent[100:]])
    uplinks = sum(topic.endswith("/up") for topic, _ in sent)
    await settled(engine, broker, database, uplinks=uplinks)
    assert await value(engine, "select count(*) from rejection where reason = 'malformed'") == 4
    assert await value(engine, "select count(*) from rejection") == 4
