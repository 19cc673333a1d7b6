"""Which downlinks may be sent now: a LoRaWAN gateway and a device take one at a time. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec

from parking_gateway.core.downlink import Downlink
from parking_gateway.core.events import DevEui

UNKNOWN = ""
"""The LoRaWAN gateway of devices that no downlink has reached yet. They share its limit."""


class Airtime(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest times between two downlinks."""

    of_device: timedelta = timedelta(seconds=5)
    of_gateway: timedelta = timedelta(seconds=1)


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """The last downlinks: when each device and each LoRaWAN gateway got one."""

    by_device: Mapping[DevEui, datetime] = {}
    by_gateway: Mapping[str, datetime] = {}
    gateway_of: Mapping[DevEui, str] = {}
    """The LoRaWAN gateway of the last downlink of a device."""


def sendable(waiting: Iterable[Downlink], traffic: Traffic, airtime: Airtime, *, now: datetime) -> list[Downlink]:
    """Those of the waiting downlinks that may be sent now: whoever waits longest comes first."""
    found: list[Downlink] = []
    by_device, by_gateway = dict(traffic.by_device), dict(traffic.by_gateway)
    for one in sorted(waiting, key=lambda one: (one.next_at or now, one.wished_at, one.id)):
        gateway = traffic.gateway_of.get(one.dev_eui, UNKNOWN)
        if one.next_at is None or one.next_at > now:
            continue
        if _is_within(by_device.get(one.dev_eui), airtime.of_device, now):
            continue
        if _is_within(by_gateway.get(gateway), airtime.of_gateway, now):
            continue
        by_device[one.dev_eui] = by_gateway[gateway] = now
        found.append(one)
    return found


def _is_within(last: datetime | None, limit: timedelta, now: datetime) -> bool:
    return last is not None and now - last < limit
