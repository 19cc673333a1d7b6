"""The way of a register into the database, in one transaction.

Spaces are added and the installations compared. Where an installation changes, uplinks are held back, the device is installed,
and its stored uplinks are replayed for its new space.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from parking_gateway.core.committed import Committed, together
from parking_gateway.core.events import DevEui, DeviceIdentity
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.decoding import codecs
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register.channels import refused_channel
from parking_gateway.register.counters import installed, unfit
from parking_gateway.register.describing import apply_settings, differing
from parking_gateway.register.entries import Entry, Mistake, Place, Sheet
from parking_gateway.register.outcome import Counts, Move, Registered, Removal
from parking_gateway.register.planning import Plan, installation_of, plan
from parking_gateway.register.remarks import NEVER_HEARD, NO_CODEC, remark
from parking_gateway.register.removing import Doomed, delete, end_sensors, unnamed
from parking_gateway.register.removing import removed as removed_of
from parking_gateway.register.replay.turns import Replayed, take_turns
from parking_gateway.store import (
    assignments,
    attributes,
    car_park,
    confirmations,
    counters,
    fleet,
    places,
    spaces,
)
from parking_gateway.store.database import Connection
from parking_gateway.store.query import Query

REPLAYED_OF_ONE: Final = 100
"""Replayed uplinks of a device at most: some days. The last few decide the state, the others become the log."""
REPLAYED_OF_ALL: Final = 100_000
"""Replayed uplinks of all devices at most, because the gateways wait meanwhile: for seconds and not minutes."""
PAGE: Final = 20_000
"""Uplinks in memory at a time."""


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """A register that was made part of the database."""

    outcome: Registered
    committed: Committed


async def register(
    connection: Connection, entries: Sequence[Entry], *, decoder: Decoder, now: datetime
) -> Registered | list[Mistake]:
    """Make the entries part of the database; the caller commits. If the database shows mistakes, everything is rolled back."""
    entered = await enter(connection, Sheet(entries=tuple(entries)), decoder=decoder, now=now)
    return entered.outcome if isinstance(entered, Entered) else entered


async def enter(
    connection: Connection,
    sheet: Sheet,
    *,
    decoder: Decoder,
    now: datetime,
    by: str = "import",
    prune: bool = False,
) -> Entered | list[Mistake]:
    """Make the sheet part of the database; the caller commits. If the database shows mistakes, everything is rolled back.

    `by`: who does it, for the causes of steps that come from no uplink. `prune`: spaces that the sheet does not name are removed.
    """
    entries = sheet.entries
    if prune and not (entries or sheet.settings or sheet.counters):
        return [Mistake("the file", "it names no place, so --prune would remove the whole register")]
    places = list(dict.fromkeys(entry.place for entry in entries))
    zones = [*(place[:2] for place in places), *((one.site, one.zone) for one in sheet.settings)]
    zones += [(one.site, one.zone) for one in sheet.counters]
    await connection.together(car_park.lock_register(), *car_park.add_zones(zones))
    new, ids = await connection.together(car_park.add(places), car_park.ids(places))
    (concerned,) = await connection.together(assignments.concerned(_wanted(entries, ids, present=())))
    shared = {ids[entry.place] for entry in entries if entry.is_further}
    made = plan(_wanted(entries, ids, present=concerned), concerned, shared=shared)
    doomed, pruned = await _doomed(connection, sheet, made) if prune else (Doomed(), [])
    rules = {ids[entry.place]: entry.sensors for entry in entries if entry.sensors is not None}
    (before,) = await connection.together(assignments.sensors_of({*made.touched, *doomed.spaces, *rules}))
    described = await differing(connection, entries, ids)
    await connection.together(
        *_locks(
            {*before, *described}, is_installing=bool(made.touched or doomed.spaces), is_removing=bool(doomed.spaces)
        )
    )
    if described:
        await connection.together(attributes.change(described, now=now))
    if doomed.spaces or sheet.settings or sheet.counters:
        await connection.together(*car_park.lock_zones(), *confirmations.recount(doomed.spaces))
    of_settings = await apply_settings(connection, sheet.settings, now=now)
    refused = await installed(connection, sheet.counters)
    if refused:
        await connection.rollback()
        return [Mistake(one.where, refusal) for one, refusal in refused]
    devices: dict[DevEui, DeviceIdentity] = {}
    if made.touched or pruned:
        removed = [*(one for one, _ in made.removed), *pruned]
        await connection.together(*assignments.change(installed=made.installed, removed=removed))
        (identities,) = await connection.together(fleet.identities(one.dev_eui for one in made.installed))
        devices = {one.dev_eui: one for one in identities}
        if counting := await unfit(connection, {one.dev_eui for one in made.installed}):
            await connection.rollback()
            given = ((entry.where, entry.assignment) for entry in entries)
            return [Mistake(where, counting[one.dev_eui]) for where, one in given if one and one.dev_eui in counting]
    if mistakes := list(_mistakes(entries, made.installed, devices, decoder)):
        await connection.rollback()
        return mistakes
    ended = await end_sensors(connection, before, rules=rules, now=now, by=by)
    replayed, taken = await _replay(connection, made, list(devices.values()), decoder=decoder, now=now)
    named, removed_counters = await connection.together(
        car_park.space_names(made.mentioned), counters.of_zones(doomed.zones)
    )
    deleted = await delete(connection, doomed, now=now)
    changed = ({one.space for one in made.installed} | described.keys() | set(ended.changed)) & set(ids.values())
    outcome = Registered(
        spaces=_counts_of_spaces(changed, asked=len(places), new=set(new)),
        installations=Counts(created=len(made.created), changed=len(made.changed), unchanged=len(made.unchanged)),
        settings=of_settings,
        counters=len(sheet.counters),
        moved=[
            Move(dev_eui=after.dev_eui, before=_text(named[before.space]), after=_text(named[after.space]))
            for before, after in made.moved
        ],
        removed=[
            Removal(dev_eui=one.dev_eui, space=_text(named[one.space]), replaced_by=other)
            for one, other in made.removed
        ],
        pruned=removed_of(doomed, pruned, removed_counters),
        replayed=replayed,
        remarks=_remarks(made.installed, devices, decoder),
    )
    described_ones = Committed(changed=[*new, *described])
    return Entered(outcome=outcome, committed=together(described_ones, ended, taken, deleted))


def _locks(concerned: set[SpaceId], *, is_installing: bool, is_removing: bool) -> list[Query[Any]]:
    """The locks on spaces, all at once, because they are taken in the order of their ids."""
    if is_installing:
        return assignments.hold_uplinks(concerned, are_removed=is_removing)
    return [spaces.lock_by_id(concerned)] if concerned else []


async def _doomed(connection: Connection, sheet: Sheet, made: Plan) -> tuple[Doomed, list[Installation]]:
    """What the sheet does not name, with the installations there whose devices it does not install elsewhere."""
    (everything,) = await connection.together(places.everything())
    named = {
        *(entry.place for entry in sheet.entries),
        *((one.site, one.zone) for one in sheet.settings),
        *((one.site, one.zone) for one in sheet.counters),
    }
    doomed = unnamed(everything, named=named)
    (installed,) = await connection.together(assignments.in_spaces(doomed.spaces))
    moved = {(before.dev_eui, before.channel) for before, _ in made.changed}
    return doomed, [one for one in installed if (one.dev_eui, one.channel) not in moved]


def _wanted(
    entries: Iterable[Entry], ids: Mapping[car_park.Names, SpaceId], *, present: Iterable[Installation]
) -> list[Installation]:
    before = {(one.dev_eui, one.channel): one for one in present}
    return [
        installation_of(one, ids[entry.place], before.get((one.dev_eui, one.channel)))
        for entry in entries
        if (one := entry.assignment)
    ]


def _mistakes(
    entries: Iterable[Entry],
    installed: Iterable[Installation],
    devices: Mapping[DevEui, DeviceIdentity],
    decoder: Decoder,
) -> Iterator[Mistake]:
    """Options that do not fit their codec, if it is that of the device's tag or profile, or of the earlier installation."""
    wheres = {(one.dev_eui, one.channel): entry.where for entry in entries if (one := entry.assignment)}
    for installation in installed:
        dev_eui, channel = installation.dev_eui, installation.channel
        if not (installation.options or channel) or (dev_eui not in devices and installation.codec is None):
            continue
        choice = decoder.choice(devices.get(dev_eui, DeviceIdentity(dev_eui=dev_eui)), installation)
        if choice is None:
            continue
        where = wheres[dev_eui, channel]
        try:
            codec = decoder.check(choice)
        except (codecs.CodecNotFound, codecs.BadOption) as mistake:
            yield Mistake(where, str(mistake))
            continue
        yield from (Mistake(where, refusal) for refusal in refused_channel(codec, channel))


async def _replay(
    connection: Connection,
    made: Plan,
    devices: Sequence[DeviceIdentity],
    *,
    decoder: Decoder,
    now: datetime,
) -> tuple[Replayed, Committed]:
    """Let the spaces take the turns of the uplinks that their new devices sent before, a page of devices at a time.

    Not of devices that were observed until now: their next uplinks are the first.
    """
    replayed, taken = Replayed(), list[Committed]()
    devices = [one for one in devices if one.dev_eui not in made.begun]
    guests = Guests(decoder)
    moved = {after.dev_eui for _, after in made.moved}
    limit = min(REPLAYED_OF_ONE, REPLAYED_OF_ALL // max(1, len(devices)) + 1)
    step = PAGE // limit
    for start in range(0, len(devices), step):
        page = devices[start : start + step]
        (stored,) = await connection.together(fleet.latest_uplinks(page, limit=limit))
        (locked,) = await connection.together(spaces.lock(stored))
        made_of_page = await take_turns(connection, locked, stored, decoder_of=guests.decoder_of, moved=moved, now=now)
        replayed.add(made_of_page.replayed)
        taken.append(made_of_page.committed)
    return replayed, together(*taken)


def _counts_of_spaces(changed: set[SpaceId], *, asked: int, new: set[SpaceId]) -> Counts:
    changes = len(changed - new)
    return Counts(created=len(new), changed=changes, unchanged=asked - len(new) - changes)


def _remarks(
    installed: Iterable[Installation], devices: Mapping[DevEui, DeviceIdentity], decoder: Decoder
) -> Counter[str]:
    """Each remark with the number of devices that have it, with any of their sensors."""
    found: set[tuple[str, DevEui]] = set()
    for one in installed:
        device = devices.get(one.dev_eui)
        known = remark(device or DeviceIdentity(dev_eui=one.dev_eui), one, decoder)
        # The tag and the profile of a device are unknown until its first uplink.
        if known and (device or known != NO_CODEC):
            found.add((known, one.dev_eui))
        if device is None:
            found.add((NEVER_HEARD, one.dev_eui))
    return Counter(text for text, _ in found)


def _text(names: car_park.Names) -> str:
    return str(Place(*names))
