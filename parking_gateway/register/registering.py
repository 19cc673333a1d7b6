"""The way of a register into the database, in one transaction.

Spaces are added and the installations compared. Where an installation changes, uplinks are held back, the device is installed,
and its stored uplinks are replayed for its new space.
"""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from parking_gateway.core.events import DevEui, DeviceIdentity
from parking_gateway.core.installation import Installation
from parking_gateway.core.sensor import SensorRule
from parking_gateway.core.space import SpaceId
from parking_gateway.core.turn import Turn
from parking_gateway.decoding import codecs
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register.entries import Assignment, Entry, Mistake, Place, refused_channel
from parking_gateway.register.fitting import fit
from parking_gateway.register.outcome import Counts, Move, Registered, Removal
from parking_gateway.register.planning import Plan, plan
from parking_gateway.register.remarks import NEVER_HEARD, NO_CODEC, remark
from parking_gateway.register.replay.turns import Replayed, take_turns
from parking_gateway.store import assignments, car_park, fleet, spaces
from parking_gateway.store.database import Connection

REPLAYED_OF_ONE: Final = 100
"""Replayed uplinks of a device at most: some days. The last few decide the state, the others become the log."""
REPLAYED_OF_ALL: Final = 100_000
"""Replayed uplinks of all devices at most, because the gateways wait meanwhile: for seconds and not minutes."""
PAGE: Final = 20_000
"""Uplinks in memory at a time."""


async def register(
    connection: Connection, entries: Sequence[Entry], *, decoder: Decoder, now: datetime
) -> Registered | list[Mistake]:
    """Make the entries part of the database; the caller commits. If the database shows mistakes, everything is rolled back."""
    places = list(dict.fromkeys(entry.place for entry in entries))
    await connection.together(car_park.lock_register(), *car_park.add_zones(places))
    new, ids = await connection.together(car_park.add(places), car_park.ids(places))
    wanted = list(_wanted(entries, ids))
    (concerned,) = await connection.together(assignments.concerned(wanted))
    shared = {ids[entry.place] for entry in entries if entry.is_further}
    made = plan(wanted, concerned, shared=shared)
    rules = {ids[entry.place]: entry.sensors for entry in entries if entry.sensors is not None}
    (before,) = await connection.together(assignments.sensors_of({*made.touched, *rules}))
    devices: dict[DevEui, DeviceIdentity] = {}
    replayed = Replayed()
    if made.installed or made.removed:
        await connection.together(
            *assignments.hold_uplinks(made.touched),
            *assignments.change(installed=made.installed, removed=[one for one, _ in made.removed]),
        )
        (identities,) = await connection.together(fleet.identities(one.dev_eui for one in made.installed))
        devices = {one.dev_eui: one for one in identities}
        if mistakes := list(_mistakes(entries, devices, decoder)):
            await connection.rollback()
            return mistakes
        fitted = await fit(connection, before, rules=rules, now=now, by="register")
        replayed = await _replay(connection, made, identities, decoder=decoder, now=now)
    else:
        fitted = await fit(connection, before, rules=rules, now=now, by="register")
    (names,) = await connection.together(car_park.space_names(made.mentioned))
    return Registered(
        spaces=_counts_of_spaces(made, fitted, asked=len(places), new=set(new)),
        installations=Counts(created=len(made.created), changed=len(made.changed), unchanged=len(made.unchanged)),
        moved=[
            Move(dev_eui=after.dev_eui, before=_text(names[before.space]), after=_text(names[after.space]))
            for before, after in made.moved
        ],
        removed=[
            Removal(dev_eui=one.dev_eui, space=_text(names[one.space]), replaced_by=other)
            for one, other in made.removed
        ],
        replayed=replayed,
        remarks=_remarks(made.installed, devices, decoder),
    )


async def registered(connection: Connection) -> list[Entry]:
    """The entries of the present register."""
    (spaces,) = await connection.together(car_park.listed())
    return [
        Entry(
            place=Place(one.site, one.zone, one.space),
            sensors=None if one.sensors is None else SensorRule(one.sensors),
            assignment=None
            if one.dev_eui is None
            else Assignment(
                dev_eui=DevEui(one.dev_eui),
                channel=one.channel or 0,
                codec=one.codec,
                options=one.options or {},
                lost_after=one.lost_after,
            ),
        )
        for one in spaces
    ]


async def unknown_space(connection: Connection, place: Place) -> Mistake | None:
    """The reason why nothing can be installed there; None: the space exists."""
    (names,) = await connection.together(car_park.neighbours(site=place.site, zone=place.zone))
    if place.space in names:
        return None
    near = difflib.get_close_matches(place.space, names, n=1)
    hint = f"did you mean {place._replace(space=near[0])}?" if near else "`parking-gateway spaces list` lists all"
    return Mistake("", f"There is no space {place}; {hint}")


def _wanted(entries: Iterable[Entry], ids: Mapping[car_park.Names, SpaceId]) -> Iterator[Installation]:
    for entry in entries:
        if one := entry.assignment:
            yield Installation(
                dev_eui=one.dev_eui,
                channel=one.channel,
                space=ids[entry.place],
                codec=one.codec,
                options=one.options,
                lost_after=one.lost_after,
            )


def _mistakes(
    entries: Iterable[Entry], devices: Mapping[DevEui, DeviceIdentity], decoder: Decoder
) -> Iterator[Mistake]:
    """Options that do not fit the codec of the device's tag or profile, which only the database knows."""
    for entry in entries:
        one = entry.assignment
        if one is None or one.codec or not (one.options or one.channel) or one.dev_eui not in devices:
            continue
        installation = Installation(dev_eui=one.dev_eui, space=SpaceId(0), options=one.options)
        choice = decoder.choice(devices[one.dev_eui], installation)
        if choice is None:
            continue
        try:
            codec = decoder.check(choice)
        except (codecs.CodecNotFound, codecs.BadOption) as mistake:
            yield Mistake(entry.where, str(mistake))
            continue
        yield from (Mistake(entry.where, refusal) for refusal in refused_channel(codec, one.channel))


async def _replay(
    connection: Connection,
    made: Plan,
    devices: Sequence[DeviceIdentity],
    *,
    decoder: Decoder,
    now: datetime,
) -> Replayed:
    """Let the spaces take the turns of the uplinks that their new devices sent before, a page of devices at a time."""
    replayed = Replayed()
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
    return replayed


def _counts_of_spaces(made: Plan, fitted: Turn, *, asked: int, new: set[SpaceId]) -> Counts:
    changed = len({*(one.space for one in made.installed), *fitted.changed} - new)
    return Counts(created=len(new), changed=changed, unchanged=asked - len(new) - changed)


def _remarks(
    installed: Iterable[Installation], devices: Mapping[DevEui, DeviceIdentity], decoder: Decoder
) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in installed:
        device = devices.get(one.dev_eui)
        known = remark(device or DeviceIdentity(dev_eui=one.dev_eui), one, decoder)
        # The tag and the profile of a device are unknown until its first uplink.
        if known and (device or known != NO_CODEC):
            found[known] += 1
        if device is None:
            found[NEVER_HEARD] += 1
    return found


def _text(names: car_park.Names) -> str:
    return str(Place(*names))
