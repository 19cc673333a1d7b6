"""Cicicom S-LG-I3: magnet, motion and radar. Its payloads are text.

    message        text, on any port (the port is not published)
    status         C o
    keep-alive     K o v t
    start          R o v t V f
    malfunction    E v, then three bytes of status whose meaning is not published

    o  1 occupied, 0 vacant
    v  battery, V: 3.66; outside 1.5 to 5 it is none
    t  temperature, °C: +30.0, -05.5; outside -40 to 85 it is none
    f  firmware: 1.5.2

Calibration and downlinks: not published.

Source: actility/device-catalog, pull request 127 and vendors/cicicom.
"""

import re
from typing import Final

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable
from decoders.measuring import number

LIMITS: Final = {
    "temperature_celsius": Measured(lowest=-40, highest=85),
    "battery_volts": Measured(lowest=1.5, highest=5),
}

DEVICE: Final = Device(vendor="Cicicom", model="S-LG-I3", ports=(), measures=LIMITS)

STATUS: Final = {b"0": Occupancy.VACANT, b"1": Occupancy.OCCUPIED}
VOLTS: Final = rb"(?P<volts>\d\.\d\d)"
CELSIUS: Final = rb"(?P<celsius>[+-]\d\d\.\d)"
MESSAGES: Final = {
    ord("C"): re.compile(rb"C(?P<status>[01])"),
    ord("K"): re.compile(rb"K(?P<status>[01])" + VOLTS + CELSIUS),
    ord("R"): re.compile(rb"R(?P<status>[01])" + VOLTS + CELSIUS + rb"V\d+(\.\d+)*"),
    ord("E"): re.compile(rb"E" + VOLTS + rb"(?P<malfunction>.{3})", re.DOTALL),
}


def decode(frame: Frame) -> Reading:
    """Read one frame of an S-LG-I3."""
    if not frame.payload:
        raise Undecodable("the payload is empty")
    pattern = MESSAGES.get(frame.payload[0])
    if pattern is None:
        raise Undecodable(f"byte 0: no message begins with {frame.payload[:1]!r}")
    message = pattern.fullmatch(frame.payload)
    if message is None:
        raise Undecodable(f"{frame.payload[:40]!r} does not have the form of a message {frame.payload[:1]!r}")
    parts = message.groupdict()
    return Reading(
        occupancy=STATUS[parts["status"]] if "status" in parts else None,
        battery_volts=number(float(parts["volts"]), LIMITS["battery_volts"]) if "volts" in parts else None,
        temperature_celsius=(
            number(float(parts["celsius"]), LIMITS["temperature_celsius"]) if "celsius" in parts else None
        ),
        fault=f"malfunction {parts['malfunction'].hex()}" if "malfunction" in parts else None,
    )
