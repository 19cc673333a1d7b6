"""The turns that locked spaces take by stored uplinks of their devices."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from decoders import Reading
from parking_gateway.core.causes import Cause, Rereading
from parking_gateway.core.committed import Committed, committed_by
from parking_gateway.core.device import CodecIdentity
from parking_gateway.core.events import DevEui, DeviceIdentity, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.observing import Observed
from parking_gateway.core.space import SpaceId
from parking_gateway.core.turn import Turn, turn
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register.replay import reading
from parking_gateway.register.replay.reading import Replay
from parking_gateway.store import codecs, devices, fleet, observed, past_readings, turns
from parking_gateway.store.counters import NO_SPACE
from parking_gateway.store.database import Connection
from parking_gateway.store.fleet import Facts
from parking_gateway.store.query import Query
from parking_gateway.store.spaces import Locked

DecoderOf = Callable[[DeviceIdentity, Iterable[Uplink], Installation], Decoder]
"""The decoder for these uplinks of a device."""


class Replayed(msgspec.Struct, kw_only=True):
    """Stored uplinks that were read again for the spaces of their devices."""

    uplinks: int = 0
    transitions: int = 0
    unreadable: int = 0
    """Uplinks that the codec could not read."""

    def add(self, other: "Replayed") -> None:
        """Count the uplinks of another page too."""
        self.uplinks += other.uplinks
        self.transitions += other.transitions
        self.unreadable += other.unreadable


class PageReplayed(msgspec.Struct, frozen=True, kw_only=True):
    """The uplinks of a page of devices, replayed."""

    turn: Turn
    replayed: Replayed
    verdicts: dict[UUID, Rejection | None]
    """Why an uplink could not be read, by its deduplication id; None: it was read."""
    read_by: dict[UUID, CodecIdentity]
    """The codec that reads an uplink now."""
    facts: list[Facts]
    past: list[tuple[Uplink, tuple[Reading, ...]]]
    observed: list[Observed]
    """What uplinks mean now, some of which were observed."""

    @property
    def committed(self) -> Committed:
        """What the commit of the caller has changed."""
        return committed_by(self.turn)


async def take_turns(  # noqa: PLR0913 - what a replay consists of
    connection: Connection,
    locked: Locked,
    stored: Mapping[DevEui, list[Uplink]],
    *,
    decoder_of: DecoderOf,
    moved: Collection[DevEui] = (),
    are_latest: bool = True,
    now: datetime,
) -> PageReplayed:
    """Let the locked spaces take the turns of these uplinks; the caller commits.

    Of a device that `moved`, only the latest uplinks count. Observed uplinks count for no space; what they would have meant is
    replaced. `are_latest`: the last ones of each device are among the uplinks. If not, the device's row keeps its readings, because they come from later uplinks.
    """
    page = await read_again(connection, locked, stored, decoder_of=decoder_of, moved=moved)
    others: list[Query[Any]] = [fleet.keep(page.facts), *devices.forget_snapshots(stored)] if are_latest else []
    if page.past:
        others.append(past_readings.record(page.past))
    if page.observed:
        others.append(observed.replace(page.observed))
    kept = [(one, page.read_by[one.deduplication_id]) for one in all_of(stored) if one.deduplication_id in page.read_by]
    if kept:
        others += [codecs.numbers(set(page.read_by.values())), codecs.keep(kept)]
    await connection.together(*turns.writes(locked, page.turn, *others, now=now))
    return page


async def read_again(
    connection: Connection,
    locked: Locked,
    stored: Mapping[DevEui, list[Uplink]],
    *,
    decoder_of: DecoderOf,
    moved: Collection[DevEui] = (),
) -> PageReplayed:
    """The turns of these uplinks as `take_turns` takes them. Nothing is written.

    The uplinks of a counter are read too, and count nothing: the next total has what they had.
    """
    (were_observed,) = await connection.together(observed.of_devices(stored))
    causes: list[tuple[SpaceId, Cause]] = []
    replays: list[Replay] = []
    read_as_observed: list[Observed] = []
    replayed = Replayed()
    verdicts: dict[UUID, Rejection | None] = {}
    for dev_eui, sent in stored.items():
        for installation in _installations(locked, dev_eui):
            replay = reading.read(dev_eui, sent, installation, decoder=decoder_of(sent[0].device, sent, installation))
            if were_observed and installation.space != NO_SPACE:
                code = replay.facts.codec
                read_as_observed += [Observed(installation.space, one, code) for one in replay.observations]
            if installation.observe_left is None and installation.space != NO_SPACE:
                seen = [one for one in replay.observations if (one.cause, one.channel) not in were_observed]
                seen = reading.latest_observations(seen) if dev_eui in moved else seen
                causes += [(installation.space, Rereading(one)) for one in seen]
            replays.append(replay)
            replayed.uplinks += len(sent)
            replayed.unreadable += len(replay.rejections)
            for one in sent:
                known = verdicts.get(one.deduplication_id)
                verdicts[one.deduplication_id] = replay.rejections.get(one.deduplication_id, known)
    made = turn(locked.spaces, causes)
    replayed.transitions = len(made.steps)
    return PageReplayed(
        turn=made,
        replayed=replayed,
        verdicts=verdicts,
        read_by={one: codec for replay in replays for one, codec in replay.read_by.items()},
        facts=[one.facts for one in replays],
        past=[past for one in replays for past in one.past],
        observed=read_as_observed,
    )


def _installations(locked: Locked, dev_eui: DevEui) -> Iterable[Installation]:
    """Those of a device in spaces, or else as a counter."""
    return locked.installations.get(dev_eui) or [one.installation for one in locked.counted.counters.get(dev_eui, ())]


def all_of(stored: Mapping[DevEui, list[Uplink]]) -> Iterator[Uplink]:
    """The uplinks of all devices."""
    return (one for sent in stored.values() for one in sent)
