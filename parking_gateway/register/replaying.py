"""Telling a space what its device said before it was installed there: the fold of live uplinks, over stored ones. Pure."""

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any, Final

import msgspec

from decoders import Reading
from parking_gateway.core.clocks import compare
from parking_gateway.core.device import NO_READING
from parking_gateway.core.events import DeviceIdentity, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import Observation, Space, Transition, observe
from parking_gateway.decoding.decoder import Decoder, observation
from parking_gateway.store.fleet import Facts


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What the stored uplinks of one device say, by the codec that it has now."""

    observations: list[Observation]
    facts: Facts
    unreadable: list[Rejection]


def read(device: DeviceIdentity, uplinks: Sequence[Uplink], installation: Installation, *, decoder: Decoder) -> Replay:
    """Read a device's uplinks, in the order in which they were heard."""
    choice = decoder.choice(device, installation)
    said: list[tuple[Observation, Reading]] = []
    unreadable: list[Rejection] = []
    for uplink in uplinks:
        reading = NO_READING if choice is None or uplink.f_port == 0 else decoder.read(uplink, choice)
        if isinstance(reading, Rejection):
            unreadable.append(reading)
            reading = NO_READING
        said.append((observation(uplink, reading), reading))
    facts: dict[str, Any] = {"codec": choice.codec if choice else None}
    for seen, reading in sorted(said, key=lambda pair: _later(pair[0])):
        facts |= _facts(seen, reading)
    return Replay(
        observations=[seen for seen, _ in said],
        facts=Facts(dev_eui=device.dev_eui, **facts),
        unreadable=unreadable,
    )


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


def tell(space: Space, observations: Sequence[Observation]) -> tuple[Space, list[Transition]]:
    """What the observations make of a space, and the steps that led there."""
    log: list[Transition] = []
    for seen in observations:
        space, steps = observe(space, seen)
        log += steps
    return space, log


def newest(observations: Sequence[Observation]) -> list[Observation]:
    """The last word about the space, and the last sign of life.

    For a device that watched another space until now: where it stands it says by its last word, and what it said
    before is another space's history.
    """
    told = sorted((seen for seen in observations if seen.occupancy is not None), key=_later)
    return [*told[-1:], *observations[-1:]]


_later: Final = cmp_to_key(compare)
"""As a key, the order of a device's frames."""
