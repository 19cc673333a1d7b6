"""The check whether the gateway runs and is ready, by its page /readyz and by its retained messages."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import msgspec

from parking_gateway.broker.asking import asking, retained
from parking_gateway.broker.link import MqttError
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.contract.gateways import GatewayMessage, HealthMessage, gateway_topic
from parking_gateway.core.wording import counted
from parking_gateway.process.config import Config
from parking_gateway.telemetry.web import ask

Document = TypeVar("Document", GatewayMessage, HealthMessage, "ReadyPage")

_FRESH: Final = timedelta(seconds=60)
"""The age of a current health message. A connected gateway publishes one every 10 s."""
_START: Final = "systemctl start parking-gateway, or: parking-gateway run. Its log shows why it ended"
_FIXES: Final = {
    "broker": "Correct the section [mqtt], or the broker",
    "database": "Follow the message of the database; the gateway then goes on by itself",
    "intake": "Find what blocks the database: select * from pg_locks where not granted",
}


class ReadyPage(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of /readyz."""

    ready: bool
    missing: list[str]
    why: list[str] = []
    problems: list[str] = []


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway as it is seen from outside. None: not seen."""

    page: ReadyPage | None = None
    status: GatewayMessage | None = None
    health: HealthMessage | None = None
    is_broker_asked: bool = True
    """False: the broker could not be asked."""


async def look(config: Config) -> Running:
    """Read the page, and the retained messages of the gateway."""
    page = await asyncio.to_thread(_page, config)
    topic = gateway_topic(config.publication.root, config.gateway.instance)
    try:
        async with asking(config.mqtt, name=f"looks-{os.getpid()}") as link:
            # Exact topics, because some brokers send no retained messages to a subscription with a wildcard.
            status = await retained(link, topic, expected=[topic])
            health = await retained(link, f"{topic}/health", expected=[f"{topic}/health"] if status else [])
    except (MqttError, OSError):
        return Running(page=page, is_broker_asked=False)
    return Running(
        page=page,
        status=_read(status.get(topic), GatewayMessage),
        health=_read(health.get(f"{topic}/health"), HealthMessage),
    )


def newest(seen: Sequence[Running]) -> Running:
    """Of what is seen at several brokers, the one with the newest health. A gateway publishes at the one that it is connected to."""
    return max(
        seen,
        key=lambda one: (one.is_broker_asked, one.health.updated if one.health else datetime.min.replace(tzinfo=UTC)),
    )


def examine_gateway(running: Running, config: Config, *, now: datetime) -> Iterator[Check]:
    """The state of the gateway, and the problems that it reports."""
    yield _gateway(running, config, now)
    page, health = running.page, running.health if _is_online(running, now) else None
    for problem in page.problems if page else health.problems if health else []:
        yield Check(about="gateway", detail=problem, fix="Correct what this message names")


def examine_journal(running: Running, *, now: datetime) -> Iterator[Check]:
    """The events in the journal of the gateway."""
    if running.health is None or not _is_online(running, now):
        return
    journal = running.health.journal
    if journal.dropped:
        detail = f"full since the start at times, and {counted(journal.dropped, 'uplink')} of QoS 0 dropped"
        yield Check(about="journal", detail=detail, fix="Raise journal.max_bytes, and set qos = 1 in chirpstack.toml")
    if journal.oldest is None:
        if not journal.dropped:
            yield Check(about="journal", detail="it is empty: the database takes every event")
        return
    waiting = f"it keeps {counted(journal.rows, 'event')} ({journal.bytes / 1e6:.1f} MB) until the database is back"
    detail = f"{waiting}, the oldest since {journal.oldest:%Y-%m-%d %H:%M:%S} UTC; nothing is lost"
    yield Check(about="journal", detail=detail, fix=_FIXES["database"])


def with_what_it_received(checks: Sequence[Check], running: Running, *, now: datetime) -> list[Check]:
    """The checks, with another one of the events: where none came during it, those that the gateway received count."""
    health = running.health
    if health is None or not _is_online(running, now) or health.events_at_qos_0:
        return [*checks]
    if not (received := health.uplinks + health.duplicates):
        return [*checks]
    detail = f"none came during the check, but the gateway has received {counted(received, 'uplink')}, none at QoS 0"
    received_some = Check(about="events", detail=detail)
    return [received_some if one.about == "events" and not one.is_judged else one for one in checks]


def _gateway(running: Running, config: Config, now: datetime) -> Check:
    listen, instance, page = config.telemetry.listen, config.gateway.instance, running.page
    if page is None and listen is None and not running.is_broker_asked:
        detail = "it is not known whether it runs: the broker cannot be used, and telemetry.listen is not set"
        return Check(about="gateway", detail=detail, is_judged=False)
    is_online = _is_online(running, now)
    silence = f"http://{listen}/readyz does not answer" if listen else "telemetry.listen is not set"
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
        detail = f"its retained health as {instance} is current and ready, but {silence}"
        fix = f"If it runs, free that address or change telemetry.listen; else: {_START}"
        return Check(about="gateway", detail=detail, fix=fix)
    if running.is_broker_asked and not is_online:
        detail = (
            f"http://{listen}/readyz answers, but no gateway is connected as {instance}: {_of_broker(running, now)}"
        )
        fix = "Compare gateway.instance with that of the running gateway, and let the ACL allow it to read its topics"
        return Check(about="gateway", detail=detail, fix=fix)
    return Check(about="gateway", detail=f"it runs as {instance} and is ready")


def _is_online(running: Running, now: datetime) -> bool:
    status, health = running.status, running.health
    return bool(status and status.status == "online" and health and abs(now - health.updated) < _FRESH)


def _of_broker(running: Running, now: datetime) -> str:
    """The retained messages of the gateway, in words."""
    status, health = running.status, running.health
    if not running.is_broker_asked:
        return "the broker cannot be used"
    if status is None or health is None:
        return "the broker retains no message of it"
    seconds = (now - health.updated).total_seconds()
    return f'the broker retains its status "{status.status}", and its health is {seconds:.0f} s old'


def _as_page(health: HealthMessage | None) -> ReadyPage:
    if health is None:
        return ReadyPage(ready=False, missing=[])
    return ReadyPage(ready=health.ready, missing=health.missing, why=health.why, problems=health.problems)


def _page(config: Config) -> ReadyPage | None:
    if config.telemetry.listen is None:
        return None
    answer = ask(config.telemetry.listen, "/readyz", within=config.telemetry.timeout)
    return _read(answer, ReadyPage)


def _read(payload: bytes | None, kind: type[Document]) -> Document | None:
    """The message; None where there is none, or where it cannot be read."""
    if not payload:
        return None
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.MsgspecError:
        return None
