"""The turns that locked spaces take by stored uplinks of their devices."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from parking_gateway.core.causes import Cause, Rereading
from parking_gateway.core.committed import Committed, committed_by
from parking_gateway.core.events import DevEui, DeviceIdentity, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.core.turn import turn
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register.replay import reading
from parking_gateway.store import devices, fleet, past_readings, turns
from parking_gateway.store.database import Connection
from parking_gateway.store.fleet import Facts
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


class PageReplayed(msgspec.Struct, kw_only=True):
    """The uplinks of a page of devices, replayed."""

    replayed: Replayed = msgspec.field(default_factory=Replayed)
    verdicts: dict[UUID, Rejection | None] = {}
    """Why an uplink could not be read, by its deduplication id; None: it was read."""
    committed: Committed = Committed()


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

    Of a device that `moved`, only the latest uplinks count. `are_latest`: the last ones of each device are among the uplinks. If
    not, the device's row keeps its readings, because they come from later uplinks.
    """
    page = PageReplayed()
    causes: list[tuple[SpaceId, Cause]] = []
    facts: list[Facts] = []
    past = []
    for dev_eui, sent in stored.items():
        for installation in locked.installations.get(dev_eui, ()):
            replay = reading.read(dev_eui, sent, installation, decoder=decoder_of(sent[0].device, sent, installation))
            seen = reading.latest_observations(replay.observations) if dev_eui in moved else replay.observations
            causes += [(installation.space, Rereading(one)) for one in seen]
            facts.append(replay.facts)
            past += replay.past
            page.replayed.uplinks += len(sent)
            page.replayed.unreadable += len(replay.rejections)
            for one in sent:
                known = page.verdicts.get(one.deduplication_id)
                page.verdicts[one.deduplication_id] = replay.rejections.get(one.deduplication_id, known)
    made = turn(locked.spaces, causes)
    page.replayed.transitions = len(made.steps)
    page.committed = committed_by(made)
    others = [fleet.keep(facts), *devices.forget_snapshots(stored)] if are_latest else []
    if past:
        others.append(past_readings.record(past))
    await connection.together(*turns.writes(locked, made, *others, now=now))
    return page
