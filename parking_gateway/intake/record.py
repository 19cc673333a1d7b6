"""The way of a batch into the database: record and lock, decide, write and commit. Whoever calls acknowledges only then."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import msgspec

from parking_gateway.core.committed import Committed, committed_by
from parking_gateway.core.device import CodecIdentity, DeviceReading, Snapshot, due_again, kept
from parking_gateway.core.events import DeadLetter, DevEui, DeviceEvent, Uplink
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.answers import followed
from parking_gateway.intake.bounds import Share, without_events_of
from parking_gateway.intake.decide import Decision, decide
from parking_gateway.intake.read import Batch
from parking_gateway.store import (
    assignments,
    codecs,
    counters,
    device_events,
    devices,
    due,
    observed,
    outgoing,
    past_readings,
    rejections,
    spaces,
    turns,
    uplinks,
)
from parking_gateway.store.database import Connection
from parking_gateway.store.query import Query, waits
from parking_gateway.store.spaces import Locked
from parking_gateway.store.verdicts import FAILURES


async def record(
    connection: Connection,
    batch: Batch,
    *,
    decoder: Decoder,
    announce_every: timedelta,
    share: Share | None = None,
    reads_changed: bool = False,
) -> Committed:
    """Make the batch part of the database and commit: all of it or, if anything fails, nothing.

    A device that only goes on living is published again after `announce_every`. With `reads_changed`, the transaction ends with
    the rows that are published: with its locks, so that they are as one that is read behind the commit.

    Where no message is a repetition, its uplinks are added without a look at what is there. If one is there all the same, the
    transaction begins anew with that look. So it does if another gateway records one in between.
    """
    while True:
        try:
            return await _record(
                connection,
                batch,
                decoder=decoder,
                announce_every=announce_every,
                share=share,
                reads_changed=reads_changed,
            )
        except FAILURES as error:
            if not uplinks.is_repetition(error):
                raise
        await connection.rollback()
        batch.may_repeat = True
        if share:
            share.give_back()


async def _record(
    connection: Connection,
    batch: Batch,
    *,
    decoder: Decoder,
    announce_every: timedelta,
    share: Share | None,
    reads_changed: bool,
) -> Committed:
    """Two round trips, and one more for each rare case.

    These are devices that watch no space, may be new or are observed for the last time, codecs that are new to the connection,
    and events about downlinks.
    """
    new, locked = await lock_spaces_of(connection, batch)
    snapshots = await snapshots_of(connection, new, locked)
    strangers = await _strangers(connection, batch, new, locked, snapshots)
    beyond = share.beyond(strangers) if share else ()
    if beyond:
        batch = without_events_of(batch, beyond)
    began = perf_counter()
    decision = decide(batch, new, locked, decoder=decoder, beyond=beyond)
    decided = perf_counter()
    if decision.held_back:
        decision = await _with_notices(connection, decision, now=batch.received_at)
    rejected = [*batch.dead_letters, *decision.rejected]
    if rejected and share:
        rejected = share.stored(rejected)
    answers = await followed(connection, batch.events, now=batch.received_at) if batch.events else ()
    numbered = await codecs_of(connection, decision)
    reading = due.changed_with_steps(decision.turn.changed) if reads_changed and decision.turn.changed else ()
    answered = await connection.commit_together(
        *additions(decision, numbered),
        *statements(batch, decision, locked, snapshots, rejected=rejected, announce_every=announce_every),
        *answers,
        *reading,
    )
    codecs.remember(connection.memory, numbered)
    return _committed(
        batch,
        new,
        decision,
        rejected,
        rows=due.with_steps(*answered[-2:]) if reading else (),
        new_devices=len(strangers) - len(beyond),
        watched=locked.installations,
        decide_seconds=decided - began,
        write_seconds=perf_counter() - decided,
    )


async def _with_notices(connection: Connection, decision: Decision, *, now: datetime) -> Decision:
    """The decision with a notice of each device of which a clock is wrong since now. One round trip, and only then."""
    held_back = {uplink.device.dev_eui for uplink in decision.held_back}
    (new,) = await connection.together(devices.with_right_clock(held_back))
    notices = [Notice(kind=NoticeKind.CLOCK, at=now, dev_eui=dev_eui) for dev_eui in sorted(new)]
    made = msgspec.structs.replace(decision.turn, notices=[*decision.turn.notices, *notices])
    return msgspec.structs.replace(decision, turn=made)


async def lock_spaces_of(connection: Connection, batch: Batch) -> tuple[list[Uplink], Locked]:
    """Lock the spaces that the batch can change. Returns the uplinks that are new, as far as it is known."""
    new, locked = await _lock_and_look(connection, batch)
    if locked.observed:
        await _read_sensors(connection, new, locked)
    return new, locked


async def _lock_and_look(connection: Connection, batch: Batch) -> tuple[list[Uplink], Locked]:
    """The same without what is needed to end an observation.

    The look at what is there comes after the lock: another gateway with the same uplinks has committed them by then.
    """
    if not (concerned := batch.devices):
        return [], Locked()
    if not batch.may_repeat:
        _, locked = await connection.together(uplinks.enter(), spaces.lock(concerned))
        return batch.uplinks, locked
    _, locked, known = await connection.together(
        uplinks.enter(), spaces.lock(concerned), uplinks.recorded(batch.uplinks)
    )
    return [one for one in batch.uplinks if one.deduplication_id not in known], locked


async def _read_sensors(connection: Connection, new: Sequence[Uplink], locked: Locked) -> None:
    """Read which sensors decide the spaces whose observed installations may become sensors too. One round trip, and only then."""
    spaces_of = {one.space for one in locked.observed if one.observe_left in range(1, len(new) + 1)}
    if spaces_of:
        (found,) = await connection.together(assignments.sensors_of(spaces_of))
        locked.sensors.update(found)


async def snapshots_of(connection: Connection, new: Sequence[Uplink], locked: Locked) -> Mapping[DevEui, Snapshot]:
    """Snapshots of the devices of these uplinks. For devices without a space they lie in another table.

    The locked rows decide whether there are any. To read that table in every first round trip would cost PostgreSQL 4 µs an
    uplink with 1,000 devices, and 12 with 100,000. In the same round trip, the zones are locked that such devices count.
    """
    unassigned = {uplink.device.dev_eui for uplink in new} - locked.installations.keys()
    if not unassigned:
        return locked.snapshots
    of_unassigned, counted = await connection.together(devices.snapshots(unassigned), counters.lock(unassigned))
    locked.counted.counters.update(counted.counters)
    locked.counted.zones.update(counted.zones)
    locked.counted.names.update(counted.names)
    return locked.snapshots | of_unassigned


async def codecs_of(connection: Connection, decision: Decision) -> Mapping[CodecIdentity, int]:
    """The numbers of the codecs that have read the uplinks. One round trip, and only with a codec that is new to the connection."""
    known = codecs.known(connection.memory)
    unknown = {one.read_by for one in decision.readings if one.read_by is not None} - known.keys()
    if not unknown:
        return known
    (found,) = await connection.together(codecs.numbers(unknown))
    return {**known, **found}


async def _strangers(
    connection: Connection, batch: Batch, new: Sequence[Uplink], locked: Locked, snapshots: Mapping[DevEui, Snapshot]
) -> Sequence[DevEui]:
    """The devices without a row, in the order in which they came. Most batches have only devices of spaces."""
    if snapshots is locked.snapshots and not batch.events:  # none was looked up, because all devices watch spaces
        return ()
    senders = [uplink.device.dev_eui for uplink in new] + [message.event.device.dev_eui for message in batch.events]
    unknown = [one for one in dict.fromkeys(senders) if one not in locked.installations and one not in snapshots]
    if not unknown:
        return ()
    (known,) = await connection.together(devices.known(unknown))
    return [one for one in unknown if one not in known]


def additions(decision: Decision, numbered: Mapping[CodecIdentity, int]) -> list[Query[None]]:
    """The new uplinks, with the codecs that read them."""
    new = [*decision.readings, *map(DeviceReading, decision.refused)]
    return [uplinks.add(new, numbered)] if new else []


def statements(
    batch: Batch,
    decision: Decision,
    locked: Locked,
    snapshots: Mapping[DevEui, Snapshot],
    *,
    rejected: Sequence[DeadLetter],
    announce_every: timedelta,
) -> list[Query[Any]]:
    """All that is written for the batch behind its `additions`, in lock order."""
    zones = counters.save(locked.counted, decision.counted) if locked.counted.zones else ()
    others = (*zones, *_of_devices(decision, snapshots, announce_every=announce_every))
    found = turns.writes(locked, decision.turn, *others, now=batch.received_at)
    if batch.events:
        found += device_events.record(batch.events)
    if rejected:
        found.append(rejections.record(rejected))
    if decision.notices:
        found.append(outgoing.send(decision.notices))
    if batch.events or rejected or len(decision.readings) < len(batch.messages) + batch.repeated:
        # Some of these rows can be recorded already, by a commit whose standby did not confirm it. This commit waits for it.
        found.append(waits())
    return found


def _of_devices(
    decision: Decision, snapshots: Mapping[DevEui, Snapshot], *, announce_every: timedelta
) -> Iterator[Query[Any]]:
    observing = decision.observing
    if observing.observed:
        snapshots = due_again(snapshots, {one.dev_eui for one in observing.counted.values()})
    readings, after = kept(decision.readings, snapshots, every=announce_every)
    if readings:
        yield from devices.update(readings, after)
    if observing.observed:
        yield from observed.record(observing)
    if past := [(one.uplink, one.reading.past) for one in decision.readings if one.reading.past]:
        yield past_readings.record(past)
    if decision.held_back:
        yield from devices.mark_clock({uplink.device.dev_eui for uplink in decision.held_back})


def _committed(
    batch: Batch, new: list[Uplink], decision: Decision, rejected: list[DeadLetter], **others: Any
) -> Committed:
    events: list[Uplink | DeviceEvent] = [message.event for message in batch.events]
    return committed_by(
        decision.turn,
        has_new_counts=bool(decision.counted.zones),
        notices=decision.notices,
        received=batch.received,
        recorded=new,
        duplicates=batch.repeated + len(batch.messages) - len(new),
        unassigned=decision.unassigned,
        without_codec=decision.without_codec,
        wrong_clocks=[one for one in (*new, *events) if one.wrong_clock is not None],
        held_back=decision.held_back,
        rejected=rejected,
        readings=decision.readings,
        at=batch.received_at,
        **others,
    )
