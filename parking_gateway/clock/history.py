"""History: the past of spaces is corrected after uplinks came late, some spaces at a time.

A transaction locks the spaces, so their next uplinks wait for it: it takes some milliseconds for each of its windows.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from loguru import logger

from parking_gateway.clock.moment import Moment
from parking_gateway.core.clocks import STEP
from parking_gateway.core.committed import Committed
from parking_gateway.core.correcting import Correction
from parking_gateway.core.events import DeviceIdentity, Uplink
from parking_gateway.core.history import correction
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import Observation, SpaceId
from parking_gateway.core.window import Window
from parking_gateway.decoding.decoder import Decoder, NotAsked, observation
from parking_gateway.store import corrections, fleet, history, spaces
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.history import Doubt, Part, Past
from parking_gateway.store.query import Rows
from parking_gateway.store.spaces import Locked


class Corrected(msgspec.Struct):
    """What a round has done."""

    changed: set[SpaceId] = set()
    steps: int = 0
    stays: int = 0


class Heard(msgspec.Struct):
    """The uplinks of a space's window."""

    uplinks: list[tuple[Uplink, Installation]] = []
    until: datetime | None = None
    """When the last one was heard, if there are more behind it."""


async def go(database: Database, moment: Moment) -> Committed:
    """Correct everything that is doubted. Nothing is done while another gateway does it."""
    done = Corrected()
    if (guests := moment.guests) is None:
        return Committed()
    decoder = await guests.decoder_for((), ())
    while True:
        asked: list[tuple[Uplink, Installation]] = []
        try:
            async with database.connect() as connection:
                has_more = await _some(connection, moment, decoder, asked, done)
        except NotAsked:  # guests decode while no transaction is open
            uplinks = [uplink for uplink, _ in asked]
            decoder = await guests.decoder_for(uplinks, [installation for _, installation in asked])
            continue
        if not has_more:
            break
    if done.steps or done.stays:
        logger.bind(steps=done.steps, stays=done.stays).info("Corrected the past, because uplinks had come late")
    return Committed(changed=list(done.changed), outgoing=done.stays, steps_corrected=done.steps)


async def _some(
    connection: Connection, moment: Moment, decoder: Decoder, asked: list[tuple[Uplink, Installation]], done: Corrected
) -> bool:
    """Correct a window of the first few spaces. Returns whether there may be more."""
    is_ours, (rows, devices) = await connection.together(history.try_lock(), history.doubted(history.AT_ONCE))
    if not is_ours or not rows:
        return False
    if not devices:
        await connection.commit_together(history.forget_unwatched())
        return rows == history.AT_ONCE
    locked, identities = await connection.together(spaces.lock(devices), fleet.identities(devices))
    doubts, frames = await connection.together(
        history.doubts(list(locked.spaces)), history.frames(list(locked.spaces), limit=history.FRAMES + 1)
    )
    heard = _heard(frames, doubts, locked, {one.dev_eui: one for one in identities})
    asked += [one for of_space in heard.values() for one in of_space.uplinks]
    parts = [Part(one.space, one.since, heard[one.space].until) for one in doubts]
    pasts = history.pasts(*await connection.together(*history.past(parts)))
    corrected: dict[SpaceId, Correction] = {}
    places: dict[SpaceId, datetime | None] = {}
    for one in doubts:
        found = heard[one.space]
        now = min(moment.now, one.now)
        window = _window(one, found, pasts.get(one.space, Past()), locked, decoder, now=now)
        corrected[one.space] = made = correction(window)
        is_over = found.until is None or (made.is_settled and found.until - one.until > STEP)
        places[one.space] = None if is_over else found.until
    after = locked.spaces | {space: one.space for space, one in corrected.items()}
    await connection.commit_together(
        *spaces.save(locked, after, arrivals={}, now=moment.now),
        *corrections.correct(corrected, now=moment.now),
        corrections.go_on(places, now=moment.now),
        history.forget_unwatched(),
    )
    done.changed |= {space for space, one in corrected.items() if one.space is not locked.spaces[space]}
    done.steps += sum(len(one.steps) for one in corrected.values())
    done.stays += sum(len(one.stays) for one in corrected.values())
    return True


def _heard(
    rows: Rows, doubts: Sequence[Doubt], locked: Locked, identities: dict[Any, DeviceIdentity]
) -> dict[SpaceId, Heard]:
    """The uplinks of each window, which ends where those of a device are cut off."""
    since = {one.space: one.since for one in doubts}
    found = {space: Heard() for space in since}
    counts: dict[tuple[SpaceId, Any], int] = {}
    for space, *columns, time in rows:
        fields = dict(zip(history.FRAME, columns, strict=True))
        dev_eui = fields.pop("dev_eui")
        uplink = Uplink(device=identities.get(dev_eui) or DeviceIdentity(dev_eui=dev_eui), time=time, **fields)
        if uplink.heard_at >= since[space]:
            number = counts[space, dev_eui] = counts.get((space, dev_eui), 0) + 1
            # The last one shows only that there are more.
            if number == history.FRAMES and uplink.heard_at > since[space]:
                found[space].until = min(found[space].until or uplink.heard_at, uplink.heard_at)
        watching = locked.installations.get(dev_eui, ())
        installed = [one for one in watching if one.space == space and one.observe_left is None]
        found[space].uplinks += [(uplink, one) for one in installed]
    for space, one in found.items():
        has_more = any(number > history.FRAMES for (of, _), number in counts.items() if of == space)
        one.until = one.until if has_more else None
    return found


def _window(doubt: Doubt, heard: Heard, past: Past, locked: Locked, decoder: Decoder, *, now: datetime) -> Window:
    frames, unread = _read(heard.uplinks, decoder)
    until = heard.until
    return Window(
        space=locked.spaces[doubt.space],
        now=now,
        since=doubt.since,
        until=until,
        frames=[one for one in frames if until is None or one.heard_at <= until],
        unread=frozenset(unread),
        behind=frozenset(past.behind),
        offers=past.offers,
        steps=past.steps,
        stays=past.stays,
    )


def _read(uplinks: Iterable[tuple[Uplink, Installation]], decoder: Decoder) -> tuple[list[Observation], set[str]]:
    """The observations of the uplinks, and the causes of those that cannot be read now."""
    frames, unread = [], set()
    for uplink, installation in uplinks:
        one = decoder.reading(uplink, installation)
        frames.append(observation(uplink, one.reading, installation.channel))
        if one.rejection is not None or one.codec is None:
            unread.add(str(uplink.deduplication_id))
    return frames, unread
