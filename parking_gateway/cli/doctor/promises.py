"""What the gateway relies on beyond a connection, tried as the gateway tries it: shared subscriptions and retained messages."""

import os
from uuid import uuid4

from parking_gateway.broker.asking import asking, delivered, retained, retained_by_wildcard, shares
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.contract.messages import gateway_topic, marker_topic
from parking_gateway.process.config import Config


async def examine_promises(config: Config) -> list[Check]:
    """Send messages to ourselves, below the gateway's own topic, and see which the broker delivers.

    Empty: all is as it should be. Nothing is retained, and no message of another comes here.
    """
    folder = gateway_topic(config.publication.root, config.gateway.instance)
    marker = marker_topic(config.publication.root, config.gateway.instance)
    name, protocol = f"doctor-{os.getpid()}", config.mqtt.protocol
    try:
        async with asking(config.mqtt, name=name, protocol=protocol) as link:
            checks = [await _sharing(link, config, folder) if config.mqtt.shared_group else await _own(link, folder)]
            is_retained = marker in await retained(link, marker)
        # Without a marker there is nothing retained to look for: the gateway was never here.
        if is_retained and not await retained_by_wildcard(config.mqtt, marker, name=name, protocol=protocol):
            checks.append(_no_wildcards())
    except (MqttError, OSError) as error:
        detail = f"what the gateway relies on cannot be tried: {error}"
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
        detail="the broker grants shared subscriptions and delivers nothing to them, so no event would come",
        fix="Remove mqtt.shared_group, and every gateway gets every event; or use a broker that knows $share",
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
        detail="the broker sends no retained messages to subscriptions with wildcards: dashboards see only changes",
        fix="Subscribe to exact topics, read the database, or use another broker",
    )


def _readable(folder: str) -> str:
    return f"Let the gateway read and write {folder}/# in the broker's ACL"
