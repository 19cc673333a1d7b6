"""`doctor` looks at the session in which the broker keeps events, with sessions of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.doctor.session import QUEUED, examine_queue, examine_session, examine_subscriptions
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.process.config import Config, load
from parking_gateway.store import gateways
from parking_gateway.store.pool import Pool
from tests.broker.conftest import Peer
from tests.plugins.broker import Configured

HOUR = b"\x20\x08\x00\x00\x05\x11\x00\x00\x0e\x10"
"""CONNACK of MQTT 5: the session is kept for an hour."""


def config_for(url: str, **mqtt: object) -> Config:
    return load(overrides={"mqtt": {"url": url, "client_id": "gateway", **mqtt}, "gateway": {"instance": "test"}})


@asynccontextmanager
async def granting(connack: bytes) -> AsyncIterator[str]:
    """A broker that answers every connection with this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        await peer.packet()
        await peer.send(connack)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, LOCALHOST, 0) as server:
        yield f"mqtt://{LOCALHOST}:{server.sockets[0].getsockname()[1]}"


async def test_a_session_as_long_as_asked_for_is_fine(mosquitto: Broker) -> None:
    check = await examine_session(config_for(mosquitto.url))
    assert (check.verdict, check.detail) == ("fine", "the broker keeps it for 7 d")


async def test_a_session_that_ends_earlier_is_wrong() -> None:
    async with granting(HOUR) as url:
        check = await examine_session(config_for(url, protocol="5"))
    assert check.verdict == "wrong"
    assert check.detail == "the broker keeps it for 1 h, and mqtt.session_expiry asks for 7 d"


async def test_a_session_is_not_known_in_mqtt_3(broker: Broker) -> None:
    check = await examine_session(config_for(broker.url, protocol="3.1.1"))
    assert check.verdict == "unknown"
    assert "mqtt.session_expiry and mqtt.receive_maximum have no effect" in check.detail


async def test_a_session_of_a_broker_that_is_away_is_not_known() -> None:
    check = await examine_session(config_for("mqtt://127.0.0.1:1"))
    assert check.verdict == "unknown"


async def test_a_queue_that_keeps_everything_is_fine(mosquitto: Broker) -> None:
    check = await examine_queue(config_for(mosquitto.url))
    assert (check.verdict, check.detail) == ("fine", "the broker kept all of 2,000 messages for an absent session")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_queue_that_drops_is_wrong(configured: Configured, protocol: str) -> None:
    broker = configured("max_queued_messages 500\nmax_inflight_messages 20\n")
    check = await examine_queue(config_for(broker.url, protocol=protocol))
    assert check.verdict == "wrong"
    assert f"of {QUEUED:,} messages" in check.detail
    assert "max_queued_messages 0" in str(check.fix)


async def test_subscriptions_are_those_of_the_session(engine: AsyncEngine) -> None:
    """Unknown until a gateway has connected, wrong while the session holds one of an earlier configuration."""
    config = config_for("mqtt://127.0.0.1")

    async def looked(*held: str) -> Check:
        async with Pool(engine).connect() as connection:
            if held:
                await connection.commit_together(gateways.remember_filters(held, client_id="gateway"))
            (check,) = await examine_subscriptions(connection, config=config)
            return check

    assert (await looked()).verdict == "unknown"
    assert (await looked(config.subscription)).verdict == "fine"
    wrong = await looked(config.subscription, "$share/old/application/#")
    assert (wrong.verdict, wrong.fix) == ("wrong", "systemctl restart parking-gateway")
    assert "$share/old/application/#" in wrong.detail
