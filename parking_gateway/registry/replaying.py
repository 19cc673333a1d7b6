"""Telling a space what its device said before it was installed there: the fold of live uplinks, over stored ones. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

from decoders import Reading
from parking_gateway.decoding import Decoder, observation
from parking_gateway.installation import Installation
from parking_gateway.space import Observation, Space, Transition, observe
from parking_gateway.store.fleet import Facts
from parking_gateway.uplink import DeviceIdentity, Rejection, Uplink


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What the stored uplinks of one device say, by the codec that it has now."""

    observations: list[Observation]
    facts: Facts
    unreadable: list[Rejection]


def read(device: DeviceIdentity, uplinks: Sequence[Uplink], installation: Installation, *, decoder: Decoder) -> Replay:
    """Read a device's uplinks, the oldest first."""
    choice = decoder.choice(device, installation)
    facts: dict[str, Any] = {"codec": choice.codec if choice else None}
    observations: list[Observation] = []
    unreadable: list[Rejection] = []
    for uplink in uplinks:
        reading = Reading() if choice is None or uplink.f_port == 0 else decoder.read(uplink, choice)
        if isinstance(reading, Rejection):
            unreadable.append(reading)
            continue
        seen = observation(uplink, reading)
        said = {
            "battery_percent": seen.battery_percent,
            "battery_volts": reading.battery_volts,
            "temperature_celsius": reading.temperature_celsius,
        }
        facts |= {name: value for name, value in said.items() if value is not None}
        observations.append(seen)
    return Replay(observations=observations, facts=Facts(dev_eui=device.dev_eui, **facts), unreadable=unreadable)


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
    told = [seen for seen in observations if seen.occupancy is not None]
    return [*told[-1:], *observations[-1:]]
