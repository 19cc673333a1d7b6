"""The stored uplinks of a device, read again by the codec that it has now. Pure."""

from collections.abc import Iterable, Sequence
from functools import cmp_to_key
from typing import Any, Final
from uuid import UUID

import msgspec

from decoders import Occupancy, Reading
from parking_gateway.core.clocks import Mark, compare
from parking_gateway.core.device import CodecIdentity
from parking_gateway.core.events import DevEui, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import Observation
from parking_gateway.decoding.decoder import Decoder, observation
from parking_gateway.store.devices import OF_READING
from parking_gateway.store.fleet import Facts


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The stored uplinks of one device, as the codec reads them that it has now."""

    observations: list[Observation]
    """In the order in which the uplinks were heard."""
    facts: Facts
    past: list[tuple[Uplink, tuple[Reading, ...]]]
    """The past readings that the uplinks repeat."""
    rejections: dict[UUID, Rejection]
    """Why the codec could not read uplinks, by their deduplication ids."""
    read_by: dict[UUID, CodecIdentity]
    """The codec that reads each uplink now."""


def read(dev_eui: DevEui, uplinks: Sequence[Uplink], installation: Installation, *, decoder: Decoder) -> Replay:
    """Read a device's uplinks, which are in the order in which they were heard."""
    readings = [decoder.reading(uplink, installation) for uplink in uplinks]
    pairs = [(observation(one.uplink, one.reading, installation.channel), one.reading) for one in readings]
    facts: dict[str, Any] = {"codec": readings[-1].codec if readings else None}
    for seen, reading in sorted(pairs, key=lambda pair: _later(pair[0])):
        if reading.fault or reading.tamper:
            facts.pop("distance_mm", None)
        facts |= _facts(seen, reading)
    return Replay(
        observations=_one_for_each_frame(seen for seen, _ in pairs),
        facts=Facts(dev_eui=dev_eui, **facts),
        past=[(one.uplink, one.reading.past) for one in readings if one.reading.past],
        rejections={one.uplink.deduplication_id: one.rejection for one in readings if one.rejection is not None},
        read_by={one.uplink.deduplication_id: one.read_by for one in readings if one.read_by is not None},
    )


def latest_observations(observations: Sequence[Observation]) -> list[Observation]:
    """The last occupancy, and the last sign of life.

    Only these two count for a device that watched another space until now. Its earlier uplinks are that space's history.
    """
    with_occupancy = sorted((seen for seen in observations if seen.occupancy is not None), key=_later)
    return [*with_occupancy[-1:], *observations[-1:]]


def _one_for_each_frame(observations: Iterable[Observation]) -> list[Observation]:
    """Without the vacant one of two different uplinks of one instant and counter, because then occupied wins."""
    found = list(observations)
    occupied = {_mark(seen) for seen in found if seen.occupancy is Occupancy.OCCUPIED}
    return [
        msgspec.structs.replace(seen, occupancy=None)
        if seen.occupancy is Occupancy.VACANT and _mark(seen) in occupied
        else seen
        for seen in found
    ]


def _mark(seen: Observation) -> Mark:
    return Mark(seen.heard_at, seen.dev_addr, seen.f_cnt)


def _facts(seen: Observation, reading: Reading) -> dict[str, Any]:
    facts: dict[str, Any] = {name: getattr(reading, name) for name in OF_READING}
    if seen.battery_percent is not None:
        facts |= {
            "battery_percent": seen.battery_percent,
            "battery_at": seen.heard_at,
            "battery_dev_addr": seen.dev_addr,
            "battery_f_cnt": seen.f_cnt,
        }
    return {name: value for name, value in facts.items() if value is not None}


_later: Final = cmp_to_key(compare)
"""As a key, the order of a device's frames."""
