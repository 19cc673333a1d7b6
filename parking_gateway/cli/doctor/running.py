"""Whether the gateway itself runs and is ready: by its own page, and by what the broker retains of it."""

import asyncio
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, TypeVar

import msgspec

from parking_gateway.broker.asking import asking, retained
from parking_gateway.broker.link import MqttError
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.contract.messages import GatewayMessage, HealthMessage, gateway_topic
from parking_gateway.process.config import Config
from parking_gateway.telemetry.web import ask

Document = TypeVar("Document", GatewayMessage, HealthMessage, "ReadyPage")

_FRESH: Final = timedelta(seconds=60)
"""A gateway that is connected publishes its health every ten seconds."""
_START: Final = "systemctl start parking-gateway, or: parking-gateway run. Its log says why it ended"
_FIXES: Final = {
    "broker": "Correct the section [mqtt], or the broker",
    "database": "Do what the database's answer says; the gateway goes on by itself",
    "intake": "Look for what holds the database up: select * from pg_locks where not granted",
}


class ReadyPage(msgspec.Struct, frozen=True, kw_only=True):
    """What /readyz answers."""

    ready: bool
    missing: list[str]
    why: list[str] = []
    problems: list[str] = []


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What can be seen of the gateway from outside. None: not seen."""

    page: ReadyPage | None = None
    status: GatewayMessage | None = None
    health: HealthMessage | None = None
    is_broker_asked: bool = True
    """False: the broker could not be asked."""


async def look(config: Config) -> Running:
    """Ask the page and the broker."""
    page = await asyncio.to_thread(_page, config)
    topic = gateway_topic(config.publication.root, config.gateway.instance)
    try:
        async with asking(config.mqtt, name=f"looks-{os.getpid()}", protocol=config.mqtt.protocol) as link:
            # Each by its exact topic: some brokers send nothing that is retained to a subscription with a wildcard.
            status = await retained(link, topic, expected=[topic])
            health = await retained(link, f"{topic}/health", expected=[f"{topic}/health"] if status else [])
    except (MqttError, OSError):
        return Running(page=page, is_broker_asked=False)
    return Running(
        page=page,
        status=_read(status.get(topic), GatewayMessage),
        health=_read(health.get(f"{topic}/health"), HealthMessage),
    )


def examine_gateway(running: Running, config: Config, *, now: datetime) -> Iterator[Check]:
    """Say whether the gateway runs, is ready, and knows of something that somebody has to put right."""
    yield _gateway(running, config, now)
    page, health = running.page, running.health if _is_online(running, now) else None
    for problem in page.problems if page else health.problems if health else []:
        yield Check(about="gateway", detail=problem, fix="Do what it says")


def with_what_it_received(events: Check, running: Running, *, now: datetime) -> Check:
    """The check of the events: where none came while it listened, the gateway may have received some."""
    health = running.health
    if events.is_judged or health is None or not _is_online(running, now) or health.events_at_qos_0:
        return events
    if not (received := health.uplinks + health.duplicates):
        return events
    detail = f"none came within the moment of looking, but the gateway has received {received} uplinks, none at QoS 0"
    return Check(about=events.about, detail=detail)


def _gateway(running: Running, config: Config, now: datetime) -> Check:
    listen, instance, page = config.telemetry.listen, config.gateway.instance, running.page
    if page is None and listen is None and not running.is_broker_asked:
        detail = "nobody could be asked whether it runs: the broker cannot be used, and telemetry.listen is not set"
        return Check(about="gateway", detail=detail, is_judged=False)
    is_online = _is_online(running, now)
    silence = f"nothing of it answers at http://{listen}/readyz" if listen else "telemetry.listen is not set"
    if page is None and not is_online:
        detail = f"none runs as {instance}: {silence}, and {_of_broker(running, now)}"
        return Check(about="gateway", detail=detail, fix=_START)
    state = page or _as_page(running.health)
    if not state.ready:
        detail = f"it runs, but is not ready: {'; '.join(state.why) or ', '.join(state.missing)}"
        return Check(
            about="gateway", detail=detail, fix="; ".join(_FIXES[one] for one in state.missing if one in _FIXES)
        )
    if page is None and listen is not None:
        detail = f"as {instance} it said a moment ago on the broker that it is ready, but {silence}"
        fix = f"If it runs, free that address or change telemetry.listen; if not: {_START}"
        return Check(about="gateway", detail=detail, fix=fix)
    if running.is_broker_asked and not is_online:
        detail = (
            f"one answers at http://{listen}/readyz, but as {instance} it is not connected: {_of_broker(running, now)}"
        )
        fix = "See whether gateway.instance is the one that it runs with, and whether the ACL lets it read its topics"
        return Check(about="gateway", detail=detail, fix=fix)
    return Check(about="gateway", detail=f"it runs as {instance} and is ready")


def _is_online(running: Running, now: datetime) -> bool:
    status, health = running.status, running.health
    return bool(status and status.status == "online" and health and abs(now - health.updated) < _FRESH)


def _of_broker(running: Running, now: datetime) -> str:
    """What the broker retains of it, in words."""
    status, health = running.status, running.health
    if not running.is_broker_asked:
        return "the broker cannot be asked"
    if status is None or health is None:
        return "the broker retains nothing of it"
    seconds = (now - health.updated).total_seconds()
    return f'the broker retains "{status.status}" of it, and a health that is {seconds:.0f} s old'


def _as_page(health: HealthMessage | None) -> ReadyPage:
    if health is None:
        return ReadyPage(ready=False, missing=[])
    return ReadyPage(ready=health.ready, missing=health.missing, why=health.why, problems=health.problems)


def _page(config: Config) -> ReadyPage | None:
    if config.telemetry.listen is None:
        return None
    answer = ask(config.telemetry.listen, "/readyz")
    return _read(answer, ReadyPage)


def _read(payload: bytes | None, kind: type[Document]) -> Document | None:
    """The message, or None where there is none that can be read."""
    if not payload:
        return None
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.MsgspecError:
        return None
