"""The sensors of a space that has several: what each of them has reported. Pure.

A space with one sensor needs none of this: what its sensor has reported are aspects of the space itself.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from decoders import Occupancy
from parking_gateway.core.events import DevEui

SensorKey = str
"""A device and its channel, such as `a84041000181c061/2`."""


class SensorRule(StrEnum):
    """When a space with several sensors is occupied."""

    ANY = "any"
    """One sensor is enough."""
    ALL = "all"
    """Each sensor that has reported an occupancy."""

    @property
    def decisive(self) -> Occupancy:
        """What one sensor alone decides.

        Of the channels of one uplink, those that report this come first. Then the space has no state that the uplink does not show.
        """
        return Occupancy.OCCUPIED if self is SensorRule.ANY else Occupancy.VACANT


class Sensor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What one sensor has reported; the fields are those of a space with one sensor."""

    occupancy: Occupancy | None = None
    seen_at: datetime | None = None
    seen_dev_addr: str | None = None
    seen_f_cnt: int = 0
    heard_at: datetime | None = None
    is_lost: bool = False
    battery_percent: int | None = None
    battery_at: datetime | None = None
    battery_dev_addr: str | None = None
    battery_f_cnt: int | None = None


class Sensors(msgspec.Struct, frozen=True, kw_only=True):
    """All sensors of a space."""

    rule: SensorRule = SensorRule.ANY
    by_key: Mapping[SensorKey, Sensor] = {}


def sensor_key(dev_eui: DevEui | None, channel: int) -> SensorKey:
    """The key of a device's channel."""
    return f"{dev_eui}/{channel}"
