"""The stored uplinks of a device, read again for the space that it watches from now on. Pure."""

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any, Final

import msgspec

from decoders import Reading
from parking_gateway.core.clocks import compare
from parking_gateway.core.events import DevEui, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import Observation
from parking_gateway.decoding.decoder import Decoder, observation
from parking_gateway.store.fleet import Facts


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """The stored uplinks of one device, as the codec reads them that it has now."""

    observations: list[Observation]
    """In the order in which the uplinks were heard."""
    facts: Facts
    unreadable: int
    """Uplinks that the codec could not read."""


def read(dev_eui: DevEui, uplinks: Sequence[Uplink], installation: Installation, *, decoder: Decoder) -> Replay:
    """Read a device's uplinks, which are in the order in which they were heard."""
    readings = [decoder.reading(uplink, installation) for uplink in uplinks]
    pairs = [(observation(one.uplink, one.reading), one.reading) for one in readings]
    facts: dict[str, Any] = {"codec": readings[-1].codec if readings else None}
    for seen, reading in sorted(pairs, key=lambda pair: _later(pair[0])):
        facts |= _facts(seen, reading)
    return Replay(
        observations=[seen for seen, _ in pairs],
        facts=Facts(dev_eui=dev_eui, **facts),
        unreadable=sum(one.rejection is not None for one in readings),
    )


def latest_observations(observations: Sequence[Observation]) -> list[Observation]:
    """The last occupancy, and the last sign of life.

    Only these two count for a device that watched another space until now. Its earlier uplinks are that space's history.
    """
    with_occupancy = sorted((seen for seen in observations if seen.occupancy is not None), key=_later)
    return [*with_occupancy[-1:], *observations[-1:]]


def _facts(seen: Observation, reading: Reading) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "battery_volts": reading.battery_volts,
        "temperature_celsius": reading.temperature_celsius,
    }
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
