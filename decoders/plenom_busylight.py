"""Plenom kuando Busylight IoT Omega: a lamp that downlinks set. It has no occupancy of a space.

    port  bytes    message
    15    24, 25   keep-alive: 0-3 RSSI, dBm, int32; 4-7 SNR, int32; 8-11 downlinks received; 12-15 uplinks sent;
                   16 red, 17 BLUE, 18 GREEN, 19 time on, 20 time off; 21 software, 22 hardware, 23 adaptive data rate;
                   24 high brightness, from hardware 1.5 on
    15    19, 20   keep-alive of the model with sound
    15    2-       FF 10, FF 11: answer to a change of its keys

Numbers are little-endian. A keep-alive comes every 30 min, and at once after a downlink whose sixth byte is 01. It contains
the colour that the lamp shows. After a new join the lamp shows its default colour, a dim green.

Calibration: none.

    downlink on port 15  what it does
    red BLUE GREEN t t   colour and the times on and off, 0.01 s; off 0: steady. A sixth byte 01 asks for a keep-alive
    04                   minutes between keep-alives
    05 01                request for one keep-alive
    06                   01: every downlink is answered
    07                   01: high brightness
    01 00, 02 00         01 adaptive data rate on; 02 off
    03                   downlinks that may be missed before a restart
    AA 00                factory defaults

Sources: Plenom Technical Documentation 4.2.2; TheThingsNetwork/lorawan-devices vendor/plenom busylight.js.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from decoders import Command, Device, Frame, Reading
from decoders._commands import within
from decoders._refusals import unfit

DEVICE: Final = Device(
    vendor="Plenom", model="kuando Busylight IoT Omega", ports=(15,), heartbeat=timedelta(minutes=30)
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a Busylight. No field of it belongs into a reading."""
    payload = frame.payload
    keep_alive = len(payload) in {19, 20, 24, 25}
    if frame.port == 15 and (keep_alive or payload[:2] in {b"\xff\x10", b"\xff\x11"}):
        return Reading()
    raise unfit(frame, DEVICE)


_PORT: Final = 15


def _colour(*, red: int, green: int, blue: int, on: int = 255, off: int = 0) -> tuple[int, bytes]:
    values = {"red": red, "blue": blue, "green": green, "on": on, "off": off}  # in the order of the lamp
    return _PORT, bytes(within(name, value, 0, 255) for name, value in values.items())


def _report_interval(*, minutes: int) -> tuple[int, bytes]:
    return _PORT, bytes([0x04, within("minutes", minutes, 1, 255)])


def _report() -> tuple[int, bytes]:
    return _PORT, b"\x05\x01"


def _answers(*, on: bool) -> tuple[int, bytes]:
    return _PORT, bytes([0x06, on])


def _high_brightness(*, on: bool) -> tuple[int, bytes]:
    return _PORT, bytes([0x07, on])


def _factory_defaults() -> tuple[int, bytes]:
    return _PORT, b"\xaa\x00"


COMMANDS: Final[Mapping[str, Command]] = {
    "colour": _colour,
    "report_interval": _report_interval,
    "report": _report,
    "answers": _answers,
    "high_brightness": _high_brightness,
    "factory_defaults": _factory_defaults,
}
