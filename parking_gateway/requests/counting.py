"""Verbs about zones that are counted at their entries and exits, and about the counters there."""

import re
from typing import Annotated

import msgspec

from parking_gateway.core.committed import Committed
from parking_gateway.core.counting import CountDirection, ZoneCount, ZoneId, set_count
from parking_gateway.core.events import DevEui
from parking_gateway.register.counters import counter_of, install
from parking_gateway.register.entries import options_text
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import OfZone, spaces_of
from parking_gateway.requests.verbs import verb
from parking_gateway.store import counted_zones, counters

Cars = Annotated[int, msgspec.Meta(ge=0, le=1_000_000, description="A number of cars.")]
DeviceEui = Annotated[
    str, msgspec.Meta(pattern="^[0-9A-Fa-f]{2}([:-]?[0-9A-Fa-f]{2}){7}$", description="The DevEUI of a device.")
]
Channel = Annotated[int, msgspec.Meta(ge=0, le=255, description="Which of the device's sensors; 0: it has one.")]


class ZoneSetCount(OfZone, frozen=True, kw_only=True):
    """Set the count of a counted zone, because a person has counted the cars."""

    count: Cars


class CounterAssign(OfZone, frozen=True, kw_only=True):
    """Install a device at the entry or the exit of a counted zone."""

    dev_eui: DeviceEui
    direction: CountDirection = CountDirection.BOTH
    channel: Channel = 0
    codec: str | None = None
    """Left out: the device's tag, else its profile, decides."""
    options: dict[str, str] = msgspec.field(default_factory=dict)


class CounterUnassign(msgspec.Struct, frozen=True, kw_only=True):
    """Remove a counter."""

    dev_eui: DeviceEui
    channel: Channel = 0


@verb("zone/set-count", ZoneSetCount)
async def set_by_hand(desk: Desk, asked: ZoneSetCount) -> Answer | Refusal:
    """Set the count of a counted zone. Uplinks that were heard before have no effect any more."""
    found = await _zone(desk, asked)
    if isinstance(found, Refusal):
        return found
    zone, before = found
    if asked.count > before.capacity:
        return Refusal(Code.INVALID, f"The zone holds {before.capacity} cars, so its count cannot be {asked.count}")
    after = set_count(asked.count, capacity=before.capacity, at=desk.now)
    await desk.connection.together(*counted_zones.save([(zone, after)]))
    return Answer({"before": before.count, "count": after.count, "drift": before.drift}, Committed(has_new_counts=True))


@verb("counter/assign", CounterAssign)
async def assign(desk: Desk, asked: CounterAssign) -> Answer | Refusal:
    """Install a device at the entry or the exit of a counted zone. Its first uplink is where its totals begin."""
    found = await _zone(desk, asked)
    if isinstance(found, Refusal):
        return found
    options = options_text(asked.options)
    given = {"site": asked.site, "zone": asked.zone, "dev_eui": asked.dev_eui, "channel": str(asked.channel)}
    given |= {"direction": asked.direction, "codec": asked.codec or "", "options": options}
    one, refusals = counter_of(given, desk.decoder)
    if one is None or refusals:
        return Refusal(Code.INVALID, "; ".join(refusals))
    refusal = await install(desk.connection, one)
    if refusal is not None:
        return Refusal(Code.CONFLICT, refusal)
    return Answer({"dev_eui": one.dev_eui, "channel": one.channel, "direction": one.direction})


@verb("counter/unassign", CounterUnassign)
async def unassign(desk: Desk, asked: CounterUnassign) -> Answer | Refusal:
    """Remove a counter. The zone keeps its count."""
    dev_eui = _dev_eui(asked.dev_eui)
    is_there, _ = await desk.connection.together(counters.remove(dev_eui, asked.channel), counters.publish(dev_eui))
    if not is_there:
        channel = f"Channel {asked.channel} of " if asked.channel else ""
        return Refusal(Code.NOT_FOUND, f"{channel}{dev_eui} counts no zone: `parking-gateway zones counter list`")
    return Answer({"dev_eui": dev_eui, "channel": asked.channel})


async def _zone(desk: Desk, asked: OfZone) -> tuple[ZoneId, ZoneCount] | Refusal:
    """The zone, locked, with its count."""
    (found,) = await desk.connection.together(counted_zones.lock_zone(site=asked.site, zone=asked.zone))
    if found is None:
        refusal = await spaces_of(desk, OfZone(site=asked.site, zone=asked.zone))
        assert isinstance(refusal, Refusal)  # noqa: S101 - the zone does not exist
        return refusal
    zone, count = found
    if count is None:
        place = f"{asked.site}/{asked.zone}"
        how = f"`parking-gateway zones set {place} capacity=N` lets it be counted"
        return Refusal(Code.CONFLICT, f"The zone {place} is not counted: {how}")
    return zone, count


def _dev_eui(text: str) -> DevEui:
    return DevEui(re.sub("[:-]", "", text).lower())
