"""Questions to the broker: which messages it retains, and which it delivers. Each has a connection without a session."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final
from uuid import uuid4

from parking_gateway.broker.link import Link, MqttError, connected
from parking_gateway.broker.message import Message
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.waits import beside

_INBOX: Final = 1000
"""Messages."""
_RETAINED: Final = 1.0
"""Seconds after which a message counts as not retained."""
DELIVERED_SECONDS: Final = 3.0
"""Seconds after which a message counts as not delivered."""


@asynccontextmanager
async def asking(config: MqttConfig, *, name: str) -> AsyncIterator[Link]:
    """A connection for questions, such as to the node of another link, `link.here`. `name` is added to the client id."""
    alone = {"client_id": f"{config.client_id}-{name}", "session_expiry": timedelta(0)}
    async with connected(config.model_copy(update=alone), will=None, inbox_limit=_INBOX, window=10) as link:
        yield link


async def retained(link: Link, topic_filter: str, expected: Collection[str] = ()) -> dict[str, bytes]:
    """The payloads that the broker retains, by topic. Waits up to a second while one of the expected topics is missing.

    A slow broker can be taken for an empty one. Then everything is published again, which is harmless.
    """
    link.received()
    found: dict[str, bytes] = {}
    await link.subscribe(topic_filter)
    # A broker sends its retained messages with the answer or right behind it, and so before the answer to a second question.
    # Messages are acknowledged meanwhile. Without this, amqtt delays the second answer by five seconds.
    async with beside(_collect(link, found)):
        await link.subscribe(topic_filter)
    return found | await _collected(link, set(expected) - found.keys(), _RETAINED)


async def retained_by_wildcard(config: MqttConfig, topic: str, *, name: str) -> bool:
    """Whether a subscription with a wildcard receives the message that is retained on `topic`.

    The connection is its own, so that the message can come over no other subscription.
    """
    folder, _, _ = topic.rpartition("/")
    async with asking(config, name=name) as link:
        return topic in await retained(link, f"{folder}/+", [topic])


async def delivered(link: Link, routes: dict[str, str]) -> set[str]:
    """The topics on which a message reaches the subscription. `routes` are topics with the filters of subscriptions."""
    for topic_filter in routes.values():
        await link.subscribe(topic_filter)
    link.received()
    probe = uuid4().bytes
    await link.publish([Publication(topic=topic, payload=probe, retain=False) for topic in routes])
    found = await _collected(link, routes, DELIVERED_SECONDS)
    return {topic for topic, payload in found.items() if payload == probe}


async def shares(link: Link, *, folder: str, group: str) -> bool | None:
    """Whether a message reaches a shared subscription. None: no message reaches us below `folder`, so the answer is unknown.

    Some brokers grant the subscription and deliver nothing to it.
    """
    if not link.shares:
        return False
    # Two gateways that ask at the same time must not receive each other's messages, so each has a topic of its own.
    ours = f"{folder}/probe/{uuid4()}"
    plain, shared = f"{ours}/plain", f"{ours}/shared"
    try:
        found = await delivered(link, {shared: f"$share/{group}/{shared}", plain: plain})
    except MqttError:
        # Some brokers hang up on a publication that their ACL forbids. If the broker is away, the gateway notices it as well.
        return None
    return True if shared in found else False if plain in found else None


def sharing_complaint(answer: bool | None, *, group: str, folder: str) -> str | None:  # noqa: FBT001 - of `shares`
    """A sentence for an answer of `shares`: what is wrong, and what to do. None: nothing is wrong."""
    if answer:
        return None
    if answer is None:
        return (
            f"It cannot be tested whether the broker knows shared subscriptions, because it sends us no message below {folder}/:"
            f" its ACL has to let the gateway read and write {folder}/#"
        )
    return (
        f"The broker does not deliver to shared subscriptions, so no event would come to mqtt.shared_group, {group}:"
        " remove it, and every gateway gets every event; or use a broker that knows $share"
    )


async def _collected(link: Link, expected: Collection[str], seconds: float) -> dict[str, bytes]:
    """Payloads by topic, until all expected topics have come or the time is over."""
    found = _by_topic(link.received())
    if not set(expected) <= found.keys():
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _collect(link, found, expected)
    return found


async def _collect(link: Link, found: dict[str, bytes], expected: Collection[str] | None = None) -> None:
    """Acknowledge messages and add them to `found` until all expected topics have come. `expected` None: for ever."""
    async for batch in link.batches(limit=_INBOX):
        link.acknowledge(batch)
        found |= _by_topic(batch)
        if expected is not None and set(expected) <= found.keys():
            return


def _by_topic(messages: Collection[Message]) -> dict[str, bytes]:
    return {message.topic: message.payload for message in messages}
