"""A range of the history, replayed a page at a time, each in a transaction of its own.

A page is given up and read again if an installation changed, or an uplink came, after its guests had been asked.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import msgspec

from parking_gateway.core.device import CodecIdentity
from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink
from parking_gateway.core.space import Space, SpaceId, SpaceState
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder, NotAsked
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.register.replay import archived, paging
from parking_gateway.register.replay.archived import Archived
from parking_gateway.register.replay.paging import Left
from parking_gateway.register.replay.turns import PageReplayed, Replayed, all_of, read_again, take_turns
from parking_gateway.store import codecs, counters, dead_letters, fleet, installations, spaces
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.fleet import HistoryPlace

CodecChange = tuple[CodecIdentity | None, CodecIdentity | None]
"""The codec that had read an uplink, and the one that reads it now."""


class Result(msgspec.Struct, kw_only=True):
    """The outcome of a replay, with what became of the rejections of its uplinks."""

    replayed: Replayed = msgspec.field(default_factory=Replayed)
    recorded: int = 0
    """Rejections that were deleted, because their uplinks could be read."""
    remaining: Counter[str] = msgspec.field(default_factory=Counter)
    """Rejections that were kept, by their new reasons."""
    codecs: Counter[CodecChange] = msgspec.field(default_factory=Counter)
    """Uplinks by the codec that had read them, and the one that reads them now."""
    spaces: dict[SpaceId, Space] = {}
    """Of a dry run: the spaces as they would be, and nobody has seen."""
    states: dict[SpaceId, tuple[SpaceState, SpaceState]] = {}
    """The states of the spaces before and after."""


class Replayer(msgspec.Struct, frozen=True, kw_only=True):
    """Replays the uplinks of devices, each from its own time on."""

    database: Database
    guests: Guests
    clock: WallClock
    until: datetime | None = None
    """None: up to now. Else later uplinks are left out, and the devices' rows keep their readings."""
    only: Collection[int] | None = None
    """The rejections that may be changed. None: all of the uplinks."""
    archived: Archived | None = None
    """Uplinks that are replayed in place of the stored ones, and are older: the devices' rows keep their readings."""
    is_dry_run: bool = False
    """Only find out what the replay would change. The spaces are read and not kept locked."""
    advance: Callable[[int], None] = lambda _: None
    """Called with the number of uplinks so far."""

    async def replay(self, since: Mapping[DevEui, datetime]) -> Result:
        """Replay every stored uplink of these devices that was heard at or after the device's time."""
        result = Result()
        async with self.database.connect() as connection:
            (known,) = await connection.commit_together(fleet.identities(since))
        identities = {one.dev_eui: one for one in known}
        left = Left({dev_eui: at for dev_eui, at in since.items() if dev_eui in identities})
        while places := left.page():
            stored = await self._until_replayed(places, [identities[one] for one in places], result)
            self.advance(result.replayed.uplinks)
            left.move_on(places, stored)
        return result

    async def _until_replayed(
        self, places: Mapping[DevEui, HistoryPlace], devices: list[DeviceIdentity], result: Result
    ) -> Mapping[DevEui, list[Uplink]]:
        while True:
            decoder = await self._with_guest_readings(places, devices)
            try:
                async with self.database.connect() as connection:
                    return await self._page(connection, places, devices, decoder, result)
            except NotAsked:
                continue

    async def _with_guest_readings(
        self, places: Mapping[DevEui, HistoryPlace], devices: list[DeviceIdentity]
    ) -> Decoder:
        """A decoder with the readings of guests, which decode before the transaction begins."""
        async with self.database.connect() as connection:
            stored = await self._stored(connection, places, devices)
            (installed,) = await connection.commit_together(installations.of_devices(list(places)))
        return await self.guests.decoder_for(list(all_of(stored)), installed)

    async def _page(
        self,
        connection: Connection,
        places: Mapping[DevEui, HistoryPlace],
        devices: list[DeviceIdentity],
        decoder: Decoder,
        result: Result,
    ) -> Mapping[DevEui, list[Uplink]]:
        (locked,) = await connection.together(spaces.lock(list(places)))
        if elsewhere := places.keys() - locked.installations.keys():
            (counted,) = await connection.together(counters.lock(elsewhere))
            locked = msgspec.structs.replace(locked, counted=counted)
        stored = await self._stored(connection, places, devices)
        (read_by,) = await connection.together(codecs.read_by(all_of(stored)))
        if self.is_dry_run:
            # The page before has changed nothing, so its spaces are remembered.
            locked = msgspec.structs.replace(locked, spaces=locked.spaces | result.spaces)
            page = await read_again(connection, locked, stored, decoder_of=lambda *_: decoder)
            result.spaces |= page.turn.spaces
        else:
            page = await take_turns(
                connection,
                locked,
                stored,
                decoder_of=lambda *_: decoder,
                are_latest=self.until is None and self.archived is None,
                now=self.clock(),
            )
        settled = await self._settle_rejections(connection, places, page)
        result.replayed.add(page.replayed)
        result.recorded += settled.recorded
        result.remaining += settled.remaining
        result.codecs.update((read_by.get(one), page.read_by.get(one)) for one in page.verdicts)
        for one in page.turn.changed:
            before, _ = result.states.get(one, (locked.spaces[one].state, None))
            result.states[one] = before, page.turn.spaces[one].state
        return stored

    async def _stored(
        self, connection: Connection, places: Mapping[DevEui, HistoryPlace], devices: list[DeviceIdentity]
    ) -> Mapping[DevEui, list[Uplink]]:
        """The next uplinks of each device."""
        if self.archived is not None:
            return archived.page(self.archived, devices, after=places, until=self.until, limit=paging.UPLINKS)
        stored: Mapping[DevEui, list[Uplink]]
        (stored,) = await connection.together(
            fleet.stored_uplinks(devices, after=places, until=self.until, limit=paging.UPLINKS)
        )
        return stored

    async def _settle_rejections(
        self, connection: Connection, places: Mapping[DevEui, HistoryPlace], page: PageReplayed
    ) -> Result:
        """Delete the rejections of uplinks that could be read, write the new reasons into the others, and commit."""
        settled = Result()
        wanted = dead_letters.of_devices(places) if self.only is None else dead_letters.of_ids(self.only)
        (found,) = await connection.together(wanted)
        read, kept = [], []
        for rejection_id, deduplication_id in found:
            if deduplication_id not in page.verdicts:
                continue
            verdict = page.verdicts[deduplication_id]
            if verdict is None:
                read.append(rejection_id)
            else:
                kept.append(dead_letters.Kept(rejection_id, verdict))
                settled.remaining[verdict.reason] += 1
        settled.recorded = len(read)
        if self.is_dry_run:
            await connection.rollback()
            return settled
        await connection.commit_together(dead_letters.delete(read), dead_letters.keep(kept))
        return settled
