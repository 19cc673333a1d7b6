"""Requests to a whole gateway: over both versions of MQTT, and across its death."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import jsonschema
import sqlalchemy as sa
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import SCHEMAS

RESPONSE = json.loads((SCHEMAS / "response.json").read_text())
PATIENCE = 30
REQUEST = "parking/v1/request"


def properties(number: int) -> Properties:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho's is untyped
    made.ResponseTopic = "desk/anna"
    made.CorrelationData = str(number).encode()
    made.UserProperty = ("by", "anna")
    return made


def correlation_data(message: aiomqtt.Message) -> bytes:
    return bytes(getattr(message.properties, "CorrelationData", b""))


@asynccontextmanager
async def desk(broker: Broker, *topics: str, protocol: aiomqtt.ProtocolVersion) -> AsyncIterator[aiomqtt.Client]:
    """A requester that receives on these topics."""
    async with aiomqtt.Client(LOCALHOST, broker.port, protocol=protocol) as client:
        for topic in topics:
            await client.subscribe(topic, qos=1)
        yield client


async def reply(client: aiomqtt.Client) -> tuple[aiomqtt.Message, dict[str, Any]]:
    async with asyncio.timeout(PATIENCE):
        message = await anext(client.messages)
    payload = json.loads(bytes(message.payload))
    jsonschema.validate(payload, RESPONSE)
    return message, payload


async def test_a_request_is_answered_over_either_version_of_mqtt(
    daemon: Daemon, configured: Configured, car_park: CarPark
) -> None:
    await car_park(1)
    mosquitto = configured("")
    daemon.configure(MQTT__URL=mosquitto.url, MQTT__PROTOCOL="auto")
    daemon.serve_pages()
    daemon.start_and_wait()
    order = json.dumps({"site": "central", "zone": "level-1", "space": "A-1", "on": True, "reason": "wet paint"})
    async with desk(mosquitto, "desk/anna", "parking/v1/spaces/#", protocol=aiomqtt.ProtocolVersion.V5) as client:
        assert json.loads(bytes((await anext(client.messages)).payload))["state"] == "FREE"
        await client.publish(f"{REQUEST}/space/maintenance", order, qos=1, properties=properties(1))
        received = [await anext(client.messages), await anext(client.messages)]
        (state,) = (json.loads(bytes(one.payload)) for one in received if one.topic.matches("parking/#"))
        (answer,) = (one for one in received if one.topic.matches("desk/#"))
        assert (state["state"], state["cause"]) == ("MAINTENANCE", "maintenance by anna")
        assert json.loads(bytes(answer.payload)) == {"status": "ok", "data": {"spaces": 1, "changed": 1}}
        assert correlation_data(answer) == b"1"
    async with desk(mosquitto, "parking/v1/response/#", protocol=aiomqtt.ProtocolVersion.V311) as client:
        await client.publish(f"{REQUEST}/space/get", '{"transaction": "t-1"}', qos=0)
        message, payload = await reply(client)
        assert str(message.topic) == "parking/v1/response/space/get"
        assert (payload["error"]["code"], payload["transaction"]) == ("invalid", "t-1")
    sample = 'parking_gateway_requests_total{{outcome="{}",verb="space/{}"}}'
    assert daemon.metric(sample.format("ok", "maintenance")) == daemon.metric(sample.format("invalid", "get")) == 1
    assert daemon.metric('parking_gateway_messages_by_qos_total{qos="0"}') == 0
    assert daemon.terminate() == 0


async def test_requests_survive_the_death_of_the_gateway_and_are_carried_out_once(
    daemon: Daemon, configured: Configured, engine: AsyncEngine, car_park: CarPark
) -> None:
    """A space goes out of service and back 30 times. The gateway is dead at first, and dies again in between."""
    await car_park(1)
    mosquitto = configured("")
    daemon.configure(MQTT__URL=mosquitto.url, MQTT__PROTOCOL="auto", REQUESTS__PER_MINUTE="1000")
    daemon.start_and_wait()
    daemon.kill()
    orders = [
        json.dumps({"site": "central", "zone": "level-1", "space": "A-1", "on": number % 2 == 0})
        for number in range(60)
    ]
    async with desk(mosquitto, "desk/anna", protocol=aiomqtt.ProtocolVersion.V5) as client:
        for number, order in enumerate(orders):
            await client.publish(f"{REQUEST}/space/maintenance", order, qos=1, properties=properties(number))
        daemon.start()
        answered: list[int] = []
        while len(set(answered)) < len(orders):
            message, payload = await reply(client)
            assert payload["data"]["changed"] == 1
            answered.append(int(correlation_data(message)))
            if len(answered) == 20:
                daemon.kill()
                daemon.start()
    # A reply whose confirmation was lost comes again, with the same correlation data.
    assert list(dict.fromkeys(answered)) == list(range(60))
    async with engine.connect() as connection:
        steps = await connection.execute(sa.text("select count(*), max(cause) from transition"))
        assert steps.all() == [(60, "maintenance by anna")]
        assert (await connection.execute(sa.text("select count(*) from request"))).scalar_one() == 60
    assert daemon.terminate() == 0
