"""Counters at entries and exits of zones, as a file, a command or a request describes them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from parking_gateway.core.counting import CountDirection
from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.register import cells
from parking_gateway.register.channels import refused_channel
from parking_gateway.store import counted_zones, counters
from parking_gateway.store.counters import NO_SPACE, Counter
from parking_gateway.store.database import Connection


class CounterEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A device that shall count what passes an entry or an exit of a zone."""

    site: str
    zone: str
    dev_eui: DevEui
    direction: CountDirection = CountDirection.BOTH
    channel: int = 0
    codec: str | None = None
    """None: the device's tag, else its profile, decides."""
    options: dict[str, str] = {}
    where: str = ""
    """Where it was written, such as `line 7`."""


def counter_of(given: Mapping[str, str], decoder: Decoder, *, where: str = "") -> tuple[CounterEntry | None, list[str]]:
    """The counter in these cells, or what is wrong with it."""
    values: dict[str, Any] = {}
    refusals: list[str] = []
    for column, read in READ.items():
        try:
            values[column] = read(given.get(column, "").strip())
        except ValueError as refusal:
            refusals.append(f"{column} {refusal}")
    if refusals:
        return None, refusals
    one = CounterEntry(**values, where=where)
    return one, list(_refusals(one, decoder))


async def install(connection: Connection, one: CounterEntry) -> str | None:
    """Install a counter; the caller commits. Returns why it cannot be installed.

    If it counts the same zone in the same direction already, its totals go on. Else they begin with its next uplink.
    """
    place = f"{one.site}/{one.zone}"
    locked, watched = await connection.together(
        counted_zones.lock_zone(site=one.site, zone=one.zone), counters.watched(one.dev_eui)
    )
    if locked is None:
        return f"There is no zone {place}: `parking-gateway zones list`"
    zone, count = locked
    if count is None:
        return f"The zone {place} is not counted: `parking-gateway zones set {place} capacity=N` lets it be counted"
    if watched is not None:
        return f"{one.dev_eui} watches the space {watched}, so it cannot count a zone as well"
    installation = Installation(
        dev_eui=one.dev_eui, channel=one.channel, space=NO_SPACE, codec=one.codec, options=one.options
    )
    await connection.together(
        counters.add(Counter(zone=zone, direction=one.direction, installation=installation)),
        counters.publish(one.dev_eui),
    )
    return None


async def installed(connection: Connection, given: Iterable[CounterEntry]) -> list[tuple[CounterEntry, str]]:
    """Install counters one after the other. Returns those that cannot be installed, with the reason."""
    refused = []
    for one in sorted(given, key=lambda counter: (counter.site, counter.zone)):
        refusal = await install(connection, one)
        if refusal is not None:
            refused.append((one, refusal))
    return refused


async def unfit(connection: Connection, devices: Collection[DevEui]) -> dict[DevEui, str]:
    """Those of these devices that cannot watch a space, each with the reason.

    The uplinks of a device that watches a space go to that space. Without this, the zone of a counter would keep its count.
    """
    (counting,) = await connection.together(counters.counting(devices))
    return {
        dev_eui: f"{dev_eui} counts the zone {zone}, so it cannot watch a space as well:"
        f" `parking-gateway zones counter remove {dev_eui}{f' --channel {channel}' * bool(channel)}` ends that"
        for dev_eui, channel, zone in counting
    }


async def registered_counters(connection: Connection) -> list[CounterEntry]:
    """The present counters."""
    (found,) = await connection.together(counters.every())
    return [
        CounterEntry(
            site=one.site,
            zone=one.zone,
            dev_eui=DevEui(one.dev_eui),
            direction=CountDirection(one.direction),
            channel=one.channel,
            codec=one.codec,
            options=one.options,
        )
        for one in found
    ]


def _refusals(one: CounterEntry, decoder: Decoder) -> Iterator[str]:
    if one.codec is None:
        return
    try:
        codec = decoder.check(Choice(codec=one.codec, options=one.options))
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        yield str(mistake)
        return
    yield from refused_channel(codec, one.channel)


def _dev_eui(text: str) -> DevEui:
    found = cells.dev_eui(text)
    if found is None:
        raise ValueError("is missing")
    return found


def _direction(text: str) -> CountDirection:
    if text and text not in [*CountDirection]:
        raise ValueError(f"cannot be {text!r}, only {', '.join(CountDirection)}")
    return CountDirection(text or CountDirection.BOTH)


READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "site": cells.name,
    "zone": cells.name,
    "dev_eui": _dev_eui,
    "direction": _direction,
    "channel": cells.channel,
    "codec": lambda text: text or None,
    "options": cells.options,
}
"""The columns of a counter, each with the function that reads its text."""
