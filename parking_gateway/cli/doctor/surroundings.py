"""The checks of broker, database and configuration. They use them as the gateway does, and change nothing."""

import asyncio
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from parking_gateway.broker.link import Link, MqttError, connected
from parking_gateway.contract.publication import Publication
from parking_gateway.core.wording import counted, duration
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.gateway.opening import lacking, mistakes
from parking_gateway.intake.subscription import GRANTED_AT_QOS_0
from parking_gateway.process.config import Config
from parking_gateway.store import diagnosis, schema
from parking_gateway.store.database import Database
from parking_gateway.store.installations import Chosen, chosen_codecs
from parking_gateway.store.verdicts import FAILURES, diagnosis_of

_LIMIT: Final = 100
_FEW: Final = 20
"""Publications that Mosquitto takes at a time by default, and more than HiveMQ's 10."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check."""

    about: str
    detail: str
    fix: str | None = None
    """The remedy. None: nothing is wrong, or it is not known."""
    is_judged: bool = True
    """False: the check was not possible."""
    can_wait: bool = False
    """Whether the gateway does all of its work before the remedy."""

    @property
    def verdict(self) -> Literal["fine", "warning", "wrong", "unknown"]:
        """The result in one word."""
        if self.fix:
            return "warning" if self.can_wait else "wrong"
        return "fine" if self.is_judged else "unknown"


async def examine_broker(config: Config, *, listen: timedelta) -> list[Check]:
    """Connect and subscribe with a session of our own, and wait for an event.

    The gateway still receives every event: its session is not touched, and this subscription is not shared, because a
    shared one would take some of the events.
    """
    name = f"{config.mqtt.client_id}-doctor-{os.getpid()}"
    ours = config.mqtt.model_copy(update={"client_id": name, "session_expiry": timedelta(0)})
    # Published only if this process dies now. It is empty, and nothing subscribes to it.
    will = Publication(topic=f"{config.publication.root}/doctor", payload=b"", retain=False)
    try:
        async with connected(ours, will=will, inbox_limit=_LIMIT, window=1) as link:
            at_qos_0 = await link.subscribe(config.chirpstack.topic)
            quality = await _quality_of_first_event(link, listen)
            protocol, at_a_time = link.protocol, link.receive_maximum
    except (MqttError, OSError) as error:
        detail = f"{config.mqtt.url} cannot be used: {error}"
        return [Check(about="broker", detail=detail, fix="Correct the section [mqtt], or the broker")]
    accepts = f"{config.mqtt.url} accepts our connection and subscription, with MQTT {protocol}"
    events = _granted_at_qos_0(config) if at_qos_0 else _events(config, quality, listen)
    return [Check(about="broker", detail=accepts), events, *_narrow(at_a_time)]


def _granted_at_qos_0(config: Config) -> Check:
    what, _, remedy = GRANTED_AT_QOS_0.format(topic=config.chirpstack.topic).partition(": ")
    return Check(about="events", detail=what, fix=remedy[:1].upper() + remedy[1:])


def _narrow(at_a_time: int) -> Iterator[Check]:
    """A broker that takes few publications at a time. The gateway keeps to it, and not every client does."""
    if at_a_time < _FEW:
        yield Check(
            about="broker",
            detail=f"it takes {counted(at_a_time, 'publication')} at a time of each client, and ends the connection of one that sends more",
            fix="Raise its receive maximum (HiveMQ: server-receive-maximum), or let ChirpStack keep to it",
            can_wait=True,
        )


def _events(config: Config, quality: int | None, listen: timedelta) -> Check:
    topic = config.chirpstack.topic
    if quality is None:
        detail = (
            f"none came on {topic} within {listen.total_seconds():g} s, so it is not known whether this user may read them,"
            " nor their QoS"
        )
        return Check(about="events", detail=detail, is_judged=False)
    if quality == 0:
        detail = f"they come on {topic} at QoS 0: the broker keeps none of them while the gateway is away"
        return Check(about="events", detail=detail, fix="In chirpstack.toml, [integration.mqtt], set: qos = 1")
    return Check(about="events", detail=f"they come on {topic}, and the broker keeps them for the gateway")


async def _quality_of_first_event(link: Link, listen: timedelta) -> int | None:
    try:
        async with asyncio.timeout(listen.total_seconds()):
            async for batch in link.batches(limit=_LIMIT):
                link.acknowledge(batch)
                return min(message.qos for message in batch)
    except TimeoutError:
        pass
    return None


async def examine_database(database: Database, decoder: Decoder) -> list[Check]:
    """Check whether the gateway could start on this database."""
    try:
        async with database.connect() as connection:
            await schema.require_current(connection)
            (chosen,) = await connection.together(chosen_codecs())
    except (schema.SchemaMismatch, *FAILURES) as error:
        complaint = str(error) if isinstance(error, schema.SchemaMismatch) else diagnosis_of(error).sentence
        fix = "Follow this message, or correct the section [database]"
        return [Check(about="database", detail=complaint, fix=fix)]
    return [
        Check(about="database", detail=f"it answers, with schema {schema.newest()}"),
        *_unusable(chosen, decoder),
    ]


async def examine_clocks(database: Database, *, since: datetime) -> list[Check]:
    """The clocks whose times were not believed `since` then."""
    try:
        async with database.connect() as connection:
            has_heard, found = await connection.together(
                diagnosis.has_heard(since=since), diagnosis.wrong_clocks(since=since)
            )
    except FAILURES as error:  # such as a table that another session has locked
        detail = f"they cannot be checked: {diagnosis_of(error).sentence}"
        return [Check(about="clocks", detail=detail, is_judged=False)]
    if found:
        return list(map(_clock, found))
    if not has_heard:
        return [Check(about="clocks", detail="no device was heard within a day, so none is known", is_judged=False)]
    return [Check(about="clocks", detail="every time of the last day was believed")]


def examine_names(config: Config) -> list[Check]:
    """Check whether this machine has what the configuration names, such as the folder of codecs."""
    fix = "Correct it where parking-gateway check-config shows it; the gateway goes on without it"
    return [Check(about="configuration", detail=sentence, fix=fix) for _, sentence in lacking(config)]


def _clock(wrong: diagnosis.DistrustedClock) -> Check:
    whose = (
        f"that of the LoRaWAN gateway {wrong.receiver}"
        if wrong.receiver
        else "that of the network server or this machine"
    )
    off = timedelta(seconds=abs(wrong.seconds_ahead))
    return Check(
        about="clocks",
        detail=f"{whose} is wrong by {duration(off)} ({'ahead' if wrong.seconds_ahead > 0 else 'behind'}), seen in {counted(wrong.uplinks, 'uplink')}",
        fix="Set it by NTP, or by a GPS receiver that sees the sky; until then uplinks are dated without it",
    )


def _unusable(chosen: list[Chosen], decoder: Decoder) -> Iterator[Check]:
    """The installations whose frames the gateway rejects."""
    for one, mistake in mistakes(decoder, [(one, Choice(codec=one.codec, options=one.options)) for one in chosen]):
        detail = f"that of {one.dev_eui}, and perhaps others: {mistake}"
        yield Check(about="installation", detail=detail, fix="parking-gateway doctor --devices")
