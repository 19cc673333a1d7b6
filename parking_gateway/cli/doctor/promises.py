"""Abilities of the broker that the gateway relies on: shared subscriptions and retained messages. Each is tried."""

import os
from uuid import uuid4

from parking_gateway.broker.asking import asking, delivered, retained, retained_by_wildcard, shares
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.contract.messages import gateway_topic, marker_topic
from parking_gateway.process.config import Config


async def examine_promises(config: Config) -> list[Check]:
    """Send messages to ourselves, below the gateway's own topic, and check which of them the broker delivers.

    Empty: all abilities are there. The messages are not retained, and no other client receives them.
    """
    folder = gateway_topic(config.publication.root, config.gateway.instance)
    marker = marker_topic(config.publication.root, config.gateway.instance)
    name, protocol = f"doctor-{os.getpid()}", config.mqtt.protocol
    try:
        async with asking(config.mqtt, name=name, protocol=protocol) as link:
            checks = [await _sharing(link, config, folder) if config.mqtt.shared_group else await _own(link, folder)]
            is_retained = marker in await retained(link, marker)
        # Without a marker there is nothing retained to look for, because the gateway never ran here.
        if is_retained and not await retained_by_wildcard(config.mqtt, marker, name=name, protocol=protocol):
            checks.append(_no_wildcards())
    except (MqttError, OSError) as error:
        detail = f"its subscriptions and retained messages cannot be tried: {error}"
        return [Check(about="broker", detail=detail, fix=_readable(folder))]
    return [check for check in checks if check is not None]


async def _sharing(link: Link, config: Config, folder: str) -> Check | None:
    group = config.mqtt.shared_group or ""
    answer = await shares(link, folder=folder, group=group)
    if answer is None:
        return _not_delivered(folder)
    if answer:
        return Check(about="sharing", detail=f"a shared subscription of the group {group} gets its messages")
    return Check(
        about="sharing",
        detail="the broker grants a shared subscription and delivers nothing to it, so no event would be received",
        fix="Use a broker with shared subscriptions, or remove mqtt.shared_group (every gateway then receives every event)",
    )


async def _own(link: Link, folder: str) -> Check | None:
    topic = f"{folder}/probe/{uuid4()}/plain"
    return None if await delivered(link, {topic: topic}) else _not_delivered(folder)


def _not_delivered(folder: str) -> Check:
    detail = (
        f"it does not deliver our own message below {folder}, so the gateway cannot read its marker and publishes"
        " everything again at every connection"
    )
    return Check(about="broker", detail=detail, fix=_readable(folder))


def _no_wildcards() -> Check:
    return Check(
        about="retained",
        detail="the broker sends no retained messages to subscriptions with wildcards, so dashboards see only changes",
        fix="Let dashboards subscribe to exact topics or read the database, or use another broker",
    )


def _readable(folder: str) -> str:
    return f"Let the gateway read and write {folder}/# in the broker's ACL"
