"""The broker's session holds the subscriptions that we want, however many, and no other."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from typing_extensions import override

from parking_gateway.broker.link import Link, MqttError
from parking_gateway.broker.reasons import BrokerRefuses
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.intake.subscription import Subscription
from parking_gateway.process.config import Config
from parking_gateway.process.waits import Backoff
from parking_gateway.store import gateways
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from tests.broker.links import CLIENT_ID, link_to, publish, take

EVENT, REQUEST = "application/x/device/y/event/up", "parking/v1/request/space/get"
REQUESTS = "parking/v1/request/#"


async def topics_after(renewing: Subscription, link: Link, port: int) -> list[str]:
    """The topics that come after the renewal, of an event and a request."""
    await renewing.renew(link)
    await publish(port, [b"request"], topic=REQUEST)
    await publish(port, [b"event"], topic=EVENT)
    messages = await take(link, 1)
    while messages[-1].topic != EVENT:
        messages += await take(link, 1)
    link.acknowledge(messages)
    return [message.topic for message in messages]


def subscription(
    pool: Pool, *others: str, complain: Callable[[str, str | None], None] = lambda _name, _why: None
) -> Subscription:
    wait = Backoff(shortest=timedelta(seconds=0.01), longest=timedelta(seconds=0.1))
    patience = Patience(pool, backoff=wait, stop=asyncio.Event(), report=lambda _purpose, _failure: None)
    config = Config.model_validate({"mqtt": {"client_id": CLIENT_ID}})
    return Subscription(config, database=pool, patience=patience, complain=complain, others=others)


async def held(pool: Pool) -> Sequence[str]:
    async with pool.connect() as connection:
        (filters,) = await connection.together(gateways.filters(CLIENT_ID))
    return sorted(filters or ())


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_several_filters_are_held_and_each_ends_when_it_is_wanted_no_more(
    mosquitto: Broker, pool: Pool, protocol: str
) -> None:
    async with link_to(mosquitto.url, protocol=protocol) as link:
        assert await topics_after(subscription(pool, REQUESTS), link, mosquitto.port) == [REQUEST, EVENT]
    assert await held(pool) == ["application/+/device/+/event/+", REQUESTS]
    async with link_to(mosquitto.url, protocol=protocol) as link:
        assert link.session_present
        assert await topics_after(subscription(pool, REQUESTS), link, mosquitto.port) == [REQUEST, EVENT]
    async with link_to(mosquitto.url, protocol=protocol) as link:
        assert await topics_after(subscription(pool), link, mosquitto.port) == [EVENT]
    assert await held(pool) == ["application/+/device/+/event/+"]


class Refusing:
    """A link to a broker whose rights name the events alone."""

    session_present = True

    def __init__(self) -> None:
        self.held: set[str] = set()

    async def subscribe(self, topic_filter: str) -> list[str]:
        """Refuse everything but events."""
        if topic_filter == REQUESTS:
            raise BrokerRefuses("Not authorized")
        self.held.add(topic_filter)
        return []

    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        """End these."""
        self.held -= set(topic_filters)


async def test_a_broker_that_refuses_requests_delivers_events(pool: Pool) -> None:
    complaints: dict[str, str | None] = {}
    link = Refusing()
    renewing = subscription(pool, REQUESTS, complain=complaints.__setitem__)
    assert not await renewing.renew(link)  # type: ignore[arg-type] # the part of a link that it uses
    assert link.held == {"application/+/device/+/event/+"}
    assert complaints == {"quality": None, "subscription": "What it would bring is not received: Not authorized"}


class Lowering(Refusing):
    """A link to a broker that grants every subscription at QoS 0."""

    @override
    async def subscribe(self, topic_filter: str) -> list[str]:
        return [topic_filter]


async def test_a_broker_that_grants_only_qos_0_is_named(pool: Pool) -> None:
    complaints: dict[str, str | None] = {}
    await subscription(pool, complain=complaints.__setitem__).renew(Lowering())  # type: ignore[arg-type]
    assert str(complaints["quality"]).startswith(
        "The broker grants the subscription to application/+/device/+/event/+ at QoS 0 only"
    )


class Breaking(Refusing):
    """A link to a broker that has lost the session, and hangs up at once."""

    session_present = False

    @override
    async def subscribe(self, topic_filter: str) -> list[str]:
        raise MqttError("The connection is lost")


async def test_a_lost_session_is_known_though_the_connection_after_it_breaks(pool: Pool) -> None:
    renewing = subscription(pool)
    whole, breaking = Refusing(), Breaking()
    assert not await renewing.renew(whole)  # type: ignore[arg-type] # as above
    with pytest.raises(MqttError):
        await renewing.renew(breaking)  # type: ignore[arg-type]
    assert await renewing.renew(whole)  # type: ignore[arg-type]
    assert not await renewing.renew(whole)  # type: ignore[arg-type]
