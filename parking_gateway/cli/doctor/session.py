"""The session in which the broker keeps events for an absent gateway: for how long, how many, and of which subscriptions."""

import asyncio
import os
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

from parking_gateway.broker.asking import asking
from parking_gateway.broker.link import MqttError, connected
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.contract.gateways import gateway_topic
from parking_gateway.contract.publication import Publication
from parking_gateway.core.wording import duration
from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.store import gateways
from parking_gateway.store.database import Connection

QUEUED: Final = 2_000
"""Messages that are sent to an absent session. Mosquitto keeps 1,000 by default."""
_OF_THE_BROKER: Final = (
    "mqtt.session_expiry and mqtt.receive_maximum have no effect: for how long the broker keeps the gateway's session, and how"
    " many events it sends at a time, are settings of the broker"
    " (RabbitMQ: mqtt.subscription_ttl and mqtt.prefetch; NATS: mqtt.max_ack_pending)"
)
_ARRIVE_SECONDS: Final = 3.0
_TRIED: Final = timedelta(seconds=60)
"""For so long the broker keeps a session that is tried, if doctor dies meanwhile."""


async def examine_session(config: Config) -> Check:
    """Ask the broker for a session as the gateway does, under another name, and end it again."""
    mqtt = _named(config.mqtt, "session")
    asked = config.mqtt.session_expiry
    try:
        async with connected(mqtt, will=None, inbox_limit=1, window=1) as link:
            protocol, granted = link.protocol, link.session_seconds
        await _end(mqtt, protocol)
    except (MqttError, OSError) as error:
        return Check(about="session", detail=f"it cannot be tried: {error}", is_judged=False)
    if protocol != "5":
        detail = f"with MQTT {protocol} {_OF_THE_BROKER}"
        return Check(about="session", detail=detail, is_judged=False)
    kept = asked if granted is None else timedelta(seconds=granted)
    if kept < asked:
        detail = f"the broker keeps it for {duration(kept)}, and mqtt.session_expiry asks for {duration(asked)}"
        fix = f"Raise the broker's limit, or a gateway that is away for longer than {duration(kept)} loses events"
        return Check(about="session", detail=detail, fix=fix)
    return Check(about="session", detail=f"the broker keeps it for {duration(kept)}")


async def examine_queue(config: Config) -> Check:
    """Send more messages than a broker keeps by default to a session of our own that is absent, and count those that come."""
    mqtt = _named(config.mqtt, "queue").model_copy(update={"session_expiry": _TRIED})
    topic = f"{gateway_topic(config.publication.root, config.gateway.instance)}/doctor/{uuid4()}"
    try:
        async with connected(mqtt, will=None, inbox_limit=1, window=1) as link:
            protocol = link.protocol
            await link.subscribe(topic)
        async with asking(config.mqtt, name=f"doctor-{os.getpid()}-sends") as sender:
            await sender.publish([Publication(topic=topic, payload=b"?", retain=False)] * QUEUED)
        came = await _collected(mqtt.model_copy(update={"protocol": protocol}))
        await _end(mqtt, protocol)
    except (MqttError, OSError) as error:
        return Check(about="queue", detail=f"it cannot be tried: {error}", is_judged=False)
    if came < QUEUED:
        detail = f"the broker kept {came:,} of {QUEUED:,} messages for an absent session, and dropped the others"
        return Check(about="queue", detail=detail, fix="Raise its limit; in mosquitto.conf: max_queued_messages 0")
    return Check(about="queue", detail=f"the broker kept all of {QUEUED:,} messages for an absent session")


def untried_queue() -> Check:
    """The check of the queue where nobody asked for it."""
    detail = f"how many events the broker keeps for an absent gateway is known by a test with {QUEUED:,} messages only"
    return Check(about="queue", detail=f"{detail}: parking-gateway doctor --queue", is_judged=False)


async def examine_subscriptions(connection: Connection, *, config: Config) -> list[Check]:
    """Compare the subscriptions that the gateway's session may hold with the wanted one."""
    (held,) = await connection.together(gateways.filters(config.mqtt.client_id))
    if held is None:
        detail = f"no gateway was connected as {config.mqtt.client_id} yet"
        return [Check(about="subscriptions", detail=detail, is_judged=False)]
    wanted = [config.subscription, *config.other_subscriptions]
    if other := sorted(held - set(wanted)):
        detail = f"the session of {config.mqtt.client_id} holds more than {' and '.join(wanted)}: {', '.join(other)}"
        return [Check(about="subscriptions", detail=detail, fix="systemctl restart parking-gateway")]
    return [Check(about="subscriptions", detail=f"the session holds {' and '.join(wanted)}, and no other")]


def _named(mqtt: MqttConfig, purpose: str) -> MqttConfig:
    return mqtt.model_copy(update={"client_id": f"{mqtt.client_id}-doctor-{os.getpid()}-{purpose}"})


async def _end(mqtt: MqttConfig, protocol: str) -> None:
    """End the session: a connection without one takes its place."""
    ending = mqtt.model_copy(update={"session_expiry": timedelta(0), "protocol": protocol})
    async with connected(ending, will=None, inbox_limit=QUEUED, window=1):
        pass


async def _collected(mqtt: MqttConfig) -> int:
    """How many messages the session has."""
    came = 0
    async with connected(mqtt, will=None, inbox_limit=QUEUED, window=1) as link:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ARRIVE_SECONDS):
                async for batch in link.batches(limit=QUEUED):
                    link.acknowledge(batch)
                    came += len(batch)
                    if came >= QUEUED:
                        break
    return came
