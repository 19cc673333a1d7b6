"""Downlinks: what indicators have to show is wished, and what waits is sent, tried again or ended."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import uuid4

from parking_gateway.chirpstack.commands import DownlinkCommand, topic_of
from parking_gateway.clock.moment import Moment
from parking_gateway.core import line
from parking_gateway.core.airtime import UNKNOWN, Traffic, sendable
from parking_gateway.core.committed import Committed
from parking_gateway.core.downlink import SHOW, Downlink, failures
from parking_gateway.core.events import DevEui
from parking_gateway.core.indicator import picture
from parking_gateway.core.outgoing import Command, Outgoing
from parking_gateway.store import downlinks, indicators, outgoing
from parking_gateway.store.database import Database
from parking_gateway.store.indicators import Changed

BY: Final = "indicator"
NO_APPLICATION: Final = "No event of the device has named its application yet."
NO_TOPIC: Final = "The topic of downlinks is unknown: set downlinks.topic."
NO_PROTOBUF: Final = 'downlinks.format = "protobuf" needs the package chirpstack-api.'

Lines = dict[tuple[DevEui, str], line.Line]


async def go(database: Database, moment: Moment) -> Committed:
    """Look at indicators whose places have changed, and at downlinks whose time has come."""
    now, digests = moment.now, moment.downlinks.digests
    async with database.connect() as connection:
        due, changed = await connection.together(downlinks.due(now), indicators.changed(digests))
    if not due and not changed:
        return Committed()
    since = now - max(moment.downlinks.device_interval, moment.downlinks.gateway_interval)
    async with database.connect() as connection:
        _, due, changed = await connection.together(
            downlinks.lock_round(), downlinks.due(now), indicators.changed(digests)
        )
        devices = sorted({*due, *(one.dev_eui for one in changed)})
        _, before, sent_at, gateways, applications = await connection.together(
            downlinks.lock(devices),
            downlinks.of_devices(devices, now=now),
            downlinks.sent_since(since),
            downlinks.gateways(devices, since=since),
            downlinks.applications(devices),
        )
        lines: Lines = {
            key: line.passed(one, retries=moment.downlinks.retries, now=now)
            for key, one in line.lines_of(before).items()
        }
        is_full = _wish(lines, changed, moment)
        commands = _send(lines, _traffic(sent_at, gateways), applications, moment)
        after = [one for each in lines.values() for one in each.values()]
        notices = failures(before, after, now=now)
        sent: list[Outgoing] = [*commands, *notices]
        await connection.commit_together(
            *downlinks.save(before, after),
            *([indicators.look_at(changed, is_full, digests)] if changed else []),
            *([outgoing.send(sent)] if sent else []),
        )
    return Committed(notices=notices, outgoing=len(commands), downlinks_sent=len(commands))


def _wish(lines: Lines, changed: Iterable[Changed], moment: Moment) -> dict[DevEui, bool]:
    """Wish what these indicators have to show. Returns which of them show "full"."""
    models = moment.downlinks.all_models
    is_full: dict[DevEui, bool] = {}
    for one in changed:
        model = models.get(one.model)
        if model is None or not one.shown.total:  # its last picture stays
            continue
        data, is_full[one.dev_eui] = picture(model, one.shown, one.sign)
        new = Downlink(
            id=uuid4(),
            dev_eui=one.dev_eui,
            purpose=SHOW,
            f_port=model.f_port,
            data=data,
            is_confirmed=model.is_confirmed,
            by=BY,
            wished_at=moment.now,
            answer_within=model.answer_within,
            next_at=moment.now,
        )
        lines[new.line] = line.wished(lines.get(new.line, {}), new)
    return is_full


def _send(lines: Lines, traffic: Traffic, applications: Mapping[DevEui, str], moment: Moment) -> list[Command]:
    """Send what may be sent now."""
    now, config = moment.now, moment.downlinks
    waiting = [one for each in lines.values() if (one := line.ready(each)) is not None]
    commands = []
    for one in sendable(waiting, traffic, config.airtime, now=now):
        after = line.sent(lines[one.line], one, now=now)
        command = _command(after[one.id], applications.get(one.dev_eui), moment)
        if isinstance(command, str):
            after = line.unsendable(lines[one.line], one, command, retries=config.retries, now=now)
        else:
            commands.append(command)
        lines[one.line] = after
    return commands


def _command(one: Downlink, application: str | None, moment: Moment) -> Command | str:
    """The message for ChirpStack, or why there is none."""
    topic = topic_of(moment.command_topic or "", application or "", one.dev_eui)
    if not topic:
        return NO_TOPIC if application else NO_APPLICATION
    until = one.next_at or moment.now
    payload = DownlinkCommand(
        id=one.id,
        dev_eui=one.dev_eui,
        confirmed=one.is_confirmed,
        f_port=one.f_port,
        data=one.data,
        expires_at=until,
    ).encoded(moment.downlinks.format)
    return NO_PROTOBUF if payload is None else Command(topic=topic, payload=payload, expires_at=until)


def _traffic(sent_at: Mapping[DevEui, datetime], gateways: Mapping[DevEui, str]) -> Traffic:
    by_gateway: dict[str, datetime] = {}
    for dev_eui, at in sent_at.items():
        gateway = gateways.get(dev_eui, UNKNOWN)
        by_gateway[gateway] = max(at, by_gateway.get(gateway, at))
    return Traffic(by_device=sent_at, by_gateway=by_gateway, gateway_of=gateways)
