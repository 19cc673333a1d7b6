"""Uplinks come at QoS 0, as ChirpStack publishes unless configured otherwise. Nobody keeps them but ChirpStack itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import aiomqtt

from parking_gateway.cli.demo.publisher import connected_client
from tests.plugins.chirpstack_api import KEY, ChirpStackApi
from tests.proof.load import traffic
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import until

_EVERY: Final = 0.04
"""Seconds from one uplink to the next. So each of 50 sensors sends every two seconds, which is often for LoRaWAN."""
_HEALED: Final = "Healed from ChirpStack's memory"


@asynccontextmanager
async def _network(rig: Rig) -> AsyncIterator[None]:
    """Inside, a ChirpStack stores uplinks and publishes them at QoS 0. In the ledger, it is what confirms them."""
    api = ChirpStackApi()
    api.start()
    rig.gateway.configure(CHIRPSTACK__API_URL=f"http://localhost:{api.port}", CHIRPSTACK__API_KEY=KEY)
    stop = asyncio.Event()
    try:
        async with connected_client(rig.broker.url) as client, asyncio.TaskGroup() as tasks:
            tasks.create_task(_publish(client, rig, api, stop))
            try:
                yield
            finally:
                stop.set()
    finally:
        await asyncio.to_thread(api.stop)


async def _publish(client: aiomqtt.Client, rig: Rig, api: ChirpStackApi, stop: asyncio.Event) -> None:
    uplinks = traffic(rig.devices)
    while not stop.is_set():
        event = next(uplinks)
        assert event.uplink is not None
        rig.ledger.add_sent(event.uplink)
        api.store(event.topic.split("/")[3], event.payload)
        await client.publish(event.topic, event.payload, qos=0)
        rig.ledger.add_confirmed(event.uplink)
        await asyncio.sleep(_EVERY)


@trial("T19", "uplinks at QoS 0: `kill -9` of the gateway, which stays away for 3 to 6 s", short=0, long=15)
async def gateway_away(rig: Rig, times: int) -> None:
    async with _network(rig):
        await rig.start_gateway()
        healed = 0
        for _ in range(times):
            await rig.pause(1, 3)
            await rig.kill_gateway()
            before = _healed(rig)
            await rig.pause(3, 6)
            await rig.restart_gateway()
            await until(partial(_has_healed, rig, before), "healed uplinks: without any, this trial proves nothing")
            healed += _healed(rig) - before
    rig.reports.append(f"{healed} uplinks healed")


@trial("T19", "uplinks at QoS 0: the database is away, and no journal keeps them", short=0, long=5)
async def database_away(rig: Rig, times: int) -> None:
    rig.gateway.configure(JOURNAL__MAX_BYTES="0", MQTT__RECEIVE_MAXIMUM="20")
    async with _network(rig):
        await rig.start_gateway()
        await until(partial(_has_healed, rig, 0), "the end of what a start heals")
        for _ in range(times):
            await rig.pause(1, 3)
            before = await _dropped(rig)
            await asyncio.to_thread(rig.server.stop)
            await rig.reports_missing("database")
            await rig.pause(3, 6)
            rig.happened(await _dropped(rig) > before)
            await asyncio.to_thread(rig.server.start)
            await rig.recover()
        health = await rig.health()
    assert health is not None
    assert health["lost"] > 0
    rig.reports.append(f"{health['dropped']} dropped, {health['lost']} lost by their counters")


async def _dropped(rig: Rig) -> float:
    return await asyncio.to_thread(rig.gateway.metric, "parking_gateway_messages_dropped_total")


async def _has_healed(rig: Rig, before: int) -> bool:
    return _healed(rig) > before


def _healed(rig: Rig) -> int:
    return sum(int(str(line["uplinks"])) for line in rig.gateway.log_lines(_HEALED))
