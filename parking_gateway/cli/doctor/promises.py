"""Abilities and rights that the gateway relies on: its topics, shared subscriptions, retained messages. Each is tried."""

import asyncio
import os
from typing import Final
from uuid import uuid4

from parking_gateway.broker.asking import asking, delivered, retained, retained_by_wildcard, shares
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.contract.gateways import gateway_topic
from parking_gateway.contract.publication import Publication
from parking_gateway.process.config import Config

FAMILIES: Final = ("spaces", "zones", "sites", "transitions", "devices")
"""The topics below the root, beside those of the gateway itself."""


async def examine_promises(config: Config) -> list[Check]:
    """Send messages to ourselves below the topics of the gateway, and check which of them the broker delivers.

    Their topics end with a number that nobody else uses. One message is retained, and removed again.
    """
    folder = gateway_topic(config.publication.root, config.gateway.instance)
    name = f"doctor-{os.getpid()}"
    try:
        topics = await _topics(config, folder, name=name)
        if topics.verdict != "fine":
            return [topics]
        if config.mqtt.shared_group is None:
            return [topics, await _retained(config, folder, name=name)]
        async with asking(config.mqtt, name=name) as link:
            sharing = await _sharing(link, config.mqtt.shared_group, folder)
        return [topics, sharing, await _retained(config, folder, name=name)]
    except (MqttError, OSError) as error:
        detail = f"they cannot be tried: {error}"
        return [Check(about="topics", detail=detail, is_judged=False)]


async def _topics(config: Config, folder: str, *, name: str) -> Check:
    """Whether messages on every kind of topic come back to us. In MQTT 3.1.1 this is the only sign of a right that lacks."""
    root = config.publication.root
    folders = [*(f"{root}/{family}" for family in FAMILIES), folder]
    come = await asyncio.gather(
        *(_comes_back(config, one, name=f"{name}-{number}") for number, one in enumerate(folders))
    )
    if missing := [one for one, comes in zip(folders, come, strict=True) if not comes]:
        detail = f"our messages below {', '.join(missing)} do not come back: this user may not write or not read there"
        return Check(about="topics", detail=detail, fix=_readable(root))
    return Check(about="topics", detail=f"this user may write and read below {root}")


async def _comes_back(config: Config, folder: str, *, name: str) -> bool:
    """Over a connection of its own, because some brokers hang up on a publication that their ACL forbids."""
    topic = f"{folder}/doctor/{uuid4()}"
    async with asking(config.mqtt, name=name) as link:
        try:
            return bool(await delivered(link, {topic: topic}))
        except MqttError:
            return False


async def _sharing(link: Link, group: str, folder: str) -> Check:
    if await shares(link, folder=folder, group=group):
        return Check(about="sharing", detail=f"a shared subscription of the group {group} gets its messages")
    return Check(
        about="sharing",
        detail="the broker grants a shared subscription and delivers nothing to it, so no event would be received",
        fix="Use a broker with shared subscriptions, or remove mqtt.shared_group (every gateway then receives every event)",
    )


async def _retained(config: Config, folder: str, *, name: str) -> Check:
    """Whether a retained message is kept for new subscribers, also of a wildcard."""
    topic = f"{folder}/doctor/{uuid4()}"
    try:
        async with asking(config.mqtt, name=name) as link:
            if not link.retains:
                return _keeps_none("the broker denies retained messages")
            await link.publish([Publication(topic=topic, payload=b"?", retain=True)])
            try:
                return await _kept(config, topic, name=f"{name}-reads")
            finally:
                await link.publish([Publication(topic=topic, payload=b"", retain=True)])
    except MqttError as error:
        return _keeps_none(f"the broker ends the connection over a retained message ({error})")


async def _kept(config: Config, topic: str, *, name: str) -> Check:
    async with asking(config.mqtt, name=name) as reader:
        if topic not in await retained(reader, topic, [topic]):
            return _keeps_none("the broker does not keep our retained message")
    if not await retained_by_wildcard(config.mqtt, topic, name=name):
        return _no_wildcards()
    return Check(about="retained", detail="the broker keeps our retained message, and a wildcard gets it")


def _keeps_none(what: str) -> Check:
    detail = f"{what}, so a new dashboard sees a space only when it changes"
    return Check(about="retained", detail=detail, fix="Allow them on the broker; in Mosquitto: retain_available true")


def _no_wildcards() -> Check:
    return Check(
        about="retained",
        detail="the broker sends no retained messages to subscriptions with wildcards, so dashboards see only changes",
        fix="Let dashboards subscribe to exact topics or read the database, or use another broker",
    )


def _readable(root: str) -> str:
    return f"Let the gateway's user read and write {root}/# in the broker's ACL; Mosquitto: topic readwrite {root}/#"
