"""Finds the LoRaWAN gateway whose clock is wrong. Used only for an uplink whose time is not believed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from parking_gateway.chirpstack.protobuf_values import storable_text, time_from
from parking_gateway.chirpstack.reception import AwareTime
from parking_gateway.core.clocks import WrongClock, agree
from parking_gateway.core.utc import in_utc

_LONGEST_ID: Final = 16
"""An EUI-64."""


class Receiver(NamedTuple):
    """The clocks in an entry of `rxInfo`."""

    gateway_id: str
    has_gps: bool
    """It claims GPS time, which ChirpStack believes."""
    time: datetime | None
    """By the clock of the LoRaWAN gateway."""
    server_time: datetime | None
    """By the clock of the network server."""


def source_of(time: datetime, receivers: Sequence[Receiver]) -> str | None:
    """Return the id of the LoRaWAN gateway that `time` comes from; None if it comes from the network server's own clock.

    ChirpStack prefers gateways with GPS, then gateways with a clock. Of several, the one with the nearest clock is
    returned.
    """
    server_time = max((one.server_time for one in receivers if one.server_time), default=None)
    if not receivers or (server_time and agree(time, server_time)):
        return None
    able = [one for one in receivers if one.has_gps] or [one for one in receivers if one.time] or receivers[:1]
    clocked = [(abs(one.time - time), one) for one in able if one.time]
    _, source = min(clocked, key=lambda pair: pair[0]) if clocked else (None, able[0])
    return source.gateway_id[:_LONGEST_ID] or None


def wrong_clock_of(time: datetime, payload: bytes) -> WrongClock:
    """Return the wrong clock, by the JSON of an `up` event. A clock without a valid time is ignored."""
    try:
        event = _decode(payload)
    except (ValueError, RecursionError):  # for nearly valid JSON, which `optional_fields` has read
        return WrongClock(claimed=time)
    receivers = [
        Receiver(
            str(one.gateway_id), one.time_since_gps_epoch is not None, _time_of(one.gw_time), _time_of(one.ns_time)
        )
        for one in event.rx_info
    ]
    return WrongClock(claimed=time, receiver=source_of(time, receivers))


def wrong_clock_in(time: datetime, event: Any) -> WrongClock:
    """Return the wrong clock, by ChirpStack's own protobuf message."""
    receivers = [
        Receiver(
            storable_text(one.gateway_id),
            one.HasField("time_since_gps_epoch"),
            time_from(one.gw_time) if one.HasField("gw_time") else None,
            time_from(one.ns_time) if one.HasField("ns_time") else None,
        )
        for one in event.rx_info
    ]
    return WrongClock(claimed=time, receiver=source_of(time, receivers))


class _Clocks(msgspec.Struct, rename="camel"):
    gateway_id: Any = ""
    time_since_gps_epoch: Any = None
    gw_time: Any = None
    ns_time: Any = None


class _EventClocks(msgspec.Struct, rename="camel"):
    rx_info: list[_Clocks] = []


_decode: Final = msgspec.json.Decoder(_EventClocks).decode


def _time_of(text: Any) -> datetime | None:
    try:
        return in_utc(msgspec.convert(text, AwareTime))
    except msgspec.ValidationError:
        return None
