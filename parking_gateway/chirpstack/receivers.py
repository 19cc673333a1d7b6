"""Whose clock is wrong: the LoRaWAN gateways that heard an uplink, by their clocks. Asked only where a time is not believed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from parking_gateway.chirpstack.protobuf_values import moment_of, text_of
from parking_gateway.chirpstack.reception import Moment, in_utc
from parking_gateway.core.clocks import WrongClock, agree

_LONGEST_ID: Final = 16
"""An EUI-64."""


class Receiver(NamedTuple):
    """An entry of `rxInfo`, by its clocks."""

    gateway_id: str
    has_gps: bool
    """It claims to know the time of GPS, which ChirpStack believes."""
    time: datetime | None
    """Of the LoRaWAN gateway."""
    server_time: datetime | None
    """Of the network server."""


def teller_of(time: datetime, receivers: Sequence[Receiver]) -> str | None:
    """Id of the LoRaWAN gateway that ChirpStack has `time` from; None where its own clock says the same, or nobody is named.

    ChirpStack asks those with GPS, then those with a clock. Of several it is the one whose clock is nearest to `time`.
    """
    server_time = max((one.server_time for one in receivers if one.server_time), default=None)
    if not receivers or (server_time and agree(time, server_time)):
        return None
    able = [one for one in receivers if one.has_gps] or [one for one in receivers if one.time] or receivers[:1]
    clocked = [(abs(one.time - time), one) for one in able if one.time]
    _, teller = min(clocked, key=lambda pair: pair[0]) if clocked else (None, able[0])
    return teller.gateway_id[:_LONGEST_ID] or None


def wrong_clock_of(time: datetime, payload: bytes) -> WrongClock:
    """Who claimed this time, by the JSON of an `up` event that was read before. A clock that shows no time is none."""
    try:
        heard = _decode(payload)
    except (ValueError, RecursionError):  # of what was nearly JSON and could be read all the same
        return WrongClock(claimed=time)
    receivers = [
        Receiver(str(one.gateway_id), one.time_since_gps_epoch is not None, _moment(one.gw_time), _moment(one.ns_time))
        for one in heard.rx_info
    ]
    return WrongClock(claimed=time, receiver=teller_of(time, receivers))


def wrong_clock_in(time: datetime, event: Any) -> WrongClock:
    """The same, by ChirpStack's own message."""
    receivers = [
        Receiver(
            text_of(one.gateway_id),
            one.HasField("time_since_gps_epoch"),
            moment_of(one.gw_time) if one.HasField("gw_time") else None,
            moment_of(one.ns_time) if one.HasField("ns_time") else None,
        )
        for one in event.rx_info
    ]
    return WrongClock(claimed=time, receiver=teller_of(time, receivers))


class _Clocks(msgspec.Struct, rename="camel"):
    gateway_id: Any = ""
    time_since_gps_epoch: Any = None
    gw_time: Any = None
    ns_time: Any = None


class _Heard(msgspec.Struct, rename="camel"):
    rx_info: list[_Clocks] = []


_decode: Final = msgspec.json.Decoder(_Heard).decode


def _moment(text: Any) -> datetime | None:
    try:
        return in_utc(msgspec.convert(text, Moment))
    except msgspec.ValidationError:
        return None
