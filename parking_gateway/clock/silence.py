"""Silence: a device without an uplink for `lost_after` is lost. Its space keeps the last known state."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from parking_gateway.clock.moment import Moment
from parking_gateway.core.causes import Silence
from parking_gateway.core.committed import Committed, committed_by
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.sensor import sensor_key
from parking_gateway.core.turn import Turn, turn
from parking_gateway.store import devices, notices, outgoing, silent, spaces, turns
from parking_gateway.store.database import Database
from parking_gateway.store.notices import SilentNotice
from parking_gateway.store.silent import SilenceLimits
from parking_gateway.store.spaces import Locked

MOST_NOTICES: Final = 100
"""Notices of an hour that name one device each. Of all others together, a round sends one."""
_HOUR: Final = timedelta(hours=1)


async def go(database: Database, moment: Moment) -> Committed:
    """Let the contact of silent devices and of their spaces be lost, and send notices of these and of devices heard again."""
    now = moment.now
    since = moment.listening_since or now  # what is missing now says that nobody is silent
    allowed = await _limits(database, moment)
    async with database.connect() as connection:
        heard, limits, without_space, count = await connection.together(
            notices.heard_again(now),
            silent.devices(now, since, allowed),
            silent.devices_without_space(now, since, allowed),
            notices.silent_since(now - _HOUR),
        )
        (locked,) = await connection.together(spaces.lock(limits))
        causes = [
            (one.space, _silence(one, now=now, lost_after=limits[one.dev_eui], listening_since=since))
            for installations in locked.installations.values()
            for one in installations
            if one.observe_left is None
        ]
        made = turn(locked.spaces, causes)
        last_heard = without_space | {
            one.dev_eui: _last_heard(one, locked)
            for each in locked.installations.values()
            for one in each
            if one.observe_left is None and _is_lost(one, made)
        }
        lost = sorted(last_heard)
        again = [_heard_again(one, moment) for one in heard]
        found = [*again, *_silent(last_heard, locked, moment, most=max(0, MOST_NOTICES - count))]
        sent = [outgoing.send(found)] if found else []
        await connection.commit_together(*turns.writes(locked, made, *devices.lose(lost), now=now), *sent)
    return committed_by(made, lost=lost, notices=found)


def _silence(one: Installation, *, now: datetime, lost_after: timedelta, listening_since: datetime) -> Silence:
    sensor = sensor_key(one.dev_eui, one.channel)
    return Silence(now=now, lost_after=lost_after, listening_since=listening_since, sensor=sensor)


def _is_lost(one: Installation, made: Turn) -> bool:
    """Whether the contact of this sensor is lost now. Its space may be live, because another sensor is."""
    space = made.spaces[one.space]
    if space.sensors is None:
        return one.space in made.changed
    sensor = space.sensors.by_key.get(sensor_key(one.dev_eui, one.channel))
    return sensor is not None and sensor.is_lost


def _last_heard(one: Installation, locked: Locked) -> datetime | None:
    space = locked.spaces[one.space]
    if space.sensors is None:
        return space.heard_at
    return space.sensors.by_key[sensor_key(one.dev_eui, one.channel)].heard_at


async def _limits(database: Database, moment: Moment) -> SilenceLimits:
    """How long a device may be silent, by what is known of it."""
    missed = moment.missed_heartbeats
    codecs = await moment.codecs.look(database, now=moment.now) if missed else {}
    return SilenceLimits(
        default=moment.lost_after,
        by_profile=moment.lost_after_by_profile,
        by_codec={name: missed * one.heartbeat for name, one in codecs.items() if one.heartbeat},
    )


def _silent(last_heard: Mapping[DevEui, datetime | None], locked: Locked, moment: Moment, *, most: int) -> list[Notice]:
    """A notice for each device, at most so many, and one with the number of the others."""
    found = [
        Notice(
            kind=NoticeKind.SILENT,
            at=moment.now,
            space=locked.installations[dev_eui][0].space if dev_eui in locked.installations else None,
            dev_eui=dev_eui,
            details={"last_heard": None if heard_at is None else heard_at.isoformat()},
        )
        for dev_eui, heard_at in sorted(last_heard.items())[:most]
    ]
    if others := len(last_heard) - len(found):
        found.append(Notice(kind=NoticeKind.SILENT, at=moment.now, details={"devices": others}))
    return found


def _heard_again(ended: SilentNotice, moment: Moment) -> Notice:
    details = {"silent": ended.id}
    return Notice(kind=NoticeKind.HEARD_AGAIN, at=moment.now, space=ended.space, dev_eui=ended.dev_eui, details=details)
