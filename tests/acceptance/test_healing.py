"""Uplinks at QoS 0 while the gateway is stopped: the broker keeps none, and all are in the database after the next start."""

import asyncio
import json
from functools import partial

import aiomqtt
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.events import OCCUPIED, VACANT, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.chirpstack_api import KEY, ChirpStackApi
from tests.plugins.daemon import Daemon
from tests.whole_gateway import PATIENCE, has_uplinks, publish, settled, until, validate, value

Sent = list[tuple[str, bytes]]


def sent_by(devices: list[str], api: ChirpStackApi, numbers: range) -> Sent:
    """Uplinks of each device, which ChirpStack stores."""
    found = []
    for number in numbers:
        for device in devices:
            payload = up(device, VACANT if number % 2 else OCCUPIED, at=number, f_cnt=number)
            api.store(device, payload)
            found.append((topic_of(device), payload))
    return found


async def publish_at_qos_0(broker: Broker, sent: Sent) -> None:
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        for topic, payload in sent:
            await client.publish(topic, payload, qos=0)


async def test_uplinks_at_qos_0_while_the_gateway_is_stopped_are_there_after_its_start(
    daemon: Daemon,
    broker: Broker,
    database: str,
    engine: AsyncEngine,
    car_park: CarPark,
    chirpstack_api: ChirpStackApi,
) -> None:
    devices = await car_park(5)
    daemon.configure(CHIRPSTACK__API_URL=f"http://localhost:{chirpstack_api.port}", CHIRPSTACK__API_KEY=KEY)
    daemon.start_and_wait()
    await publish(broker, sent_by(devices, chirpstack_api, range(2)))
    await until(partial(has_uplinks, engine, 10), "the uplinks before the stop")
    assert daemon.terminate() == 0
    await publish_at_qos_0(broker, sent_by(devices, chirpstack_api, range(2, 12)))
    assert await value(engine, "select count(*) from uplink") == 10
    daemon.start_and_wait()
    await settled(engine, broker, database, uplinks=60)
    assert await value(engine, "select count(*) from space where seen_f_cnt = 11") == 5
    assert daemon.terminate() == 0
    assert KEY not in daemon.log.read_text()


async def test_a_gap_in_the_frame_counters_is_counted_and_healed_while_the_gateway_runs(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, chirpstack_api: ChirpStackApi
) -> None:
    (device,) = await car_park(1)
    sent_by([device], chirpstack_api, range(1))
    daemon.configure(CHIRPSTACK__API_URL=f"http://localhost:{chirpstack_api.port}", CHIRPSTACK__API_KEY=KEY)
    daemon.serve_pages()
    daemon.start_and_wait()
    await until(partial(has_uplinks, engine, 1), "the uplink before the start")
    *_, last = sent_by([device], chirpstack_api, range(1, 5))
    async with aiomqtt.Client(LOCALHOST, broker.port) as subscriber:
        await subscriber.subscribe("parking/v1/events/#")
        await publish(broker, [last])
        async with asyncio.timeout(PATIENCE):
            event = await anext(subscriber.messages)
    message = json.loads(bytes(event.payload))
    assert (event.topic.value, event.retain) == ("parking/v1/events/uplinks_lost", False)
    assert (message["details"]["uplinks"], message["details"]["devices"]) == (3, {device: 3})
    validate("notice", message)
    assert daemon.wait_for_line("Uplinks are missing by their frame counters")["uplinks"] == 3
    assert daemon.metric("parking_gateway_uplinks_lost_total") == 3
    await until(partial(has_uplinks, engine, 5), "the uplinks of the gap")
    assert chirpstack_api.asked == [device, device]


async def test_an_api_that_hangs_or_refuses_the_key_delays_no_uplink_and_no_stop(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, chirpstack_api: ChirpStackApi
) -> None:
    (device,) = await car_park(1)
    sent = sent_by([device], chirpstack_api, range(2))
    daemon.configure(CHIRPSTACK__API_URL=f"http://localhost:{chirpstack_api.port}", CHIRPSTACK__API_KEY="wrong")
    daemon.start_and_wait()

    async def is_a_problem() -> bool:
        health = (await read_retained(broker.url, ROOT)).get(f"{ROOT}/gateways/test/health", b'{"problems": []}')
        return any("refuses chirpstack.api_key" in one for one in json.loads(health)["problems"])

    await until(is_a_problem, "a problem in the retained health")
    await publish(broker, sent[:1])
    await until(partial(has_uplinks, engine, 1), "a live uplink")
    assert daemon.terminate() == 0
    chirpstack_api.hangs = True
    calls = chirpstack_api.calls
    daemon.start_and_wait()

    async def is_asked() -> bool:
        return chirpstack_api.calls > calls

    await until(is_asked, "a call that hangs")
    await publish(broker, sent[1:])
    await until(partial(has_uplinks, engine, 2), "a live uplink")
    assert daemon.terminate() == 0
