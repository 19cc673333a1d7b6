"""The frame that all parking sensors of Dingtek send. The vendor's decoders check only its length.

    0   80      head
    1   00
    2   code    of the product
    3   01, 02  telemetry (regular, alarm); 03 parameters
    4   length  of the whole frame
    5-          content; telemetry begins with:
        5-6     distance, mm; 0 and FFFF are none
        7       high nibble: car; low nibble: level alarm
        8       high nibble: magnet alarm; low nibble: battery alarm
        9-10    battery, 0.01 V; outside 1.5 to 5 V it is none
        11-16   magnetic field x, y, z, int16 each
    last two    00 81

Numbers are big-endian. A published frame has the distance 0 and no car: without an echo the sensor decides by its
magnetometer, so its occupancy stays. The level alarm and the magnet alarm are thresholds and no faults.

Downlinks of DO201 and DO202 on port 3 are text: head `80029999`, key, value in hexadecimal digits, tail `81`. For example,
the 14 bytes of `80029999010481` set the upload interval to 4 h.

    key  value
    01   upload interval, h, 2 digits, 1-168
    02   level threshold, cm, 2 digits, 15-255 (DO201)
    05   battery threshold, %, 2 digits, 5-99
    08   detection interval, min, 2 digits, 1-60
    0F   magnetic threshold, 4 digits, 1-65535

The limits are those of the vendor's encoders.
"""

from collections.abc import Mapping
from typing import Any, Final

from decoders import Command, Device, Frame, Measured, Occupancy, Undecodable, measuring
from decoders._commands import within
from decoders._refusals import unfit
from decoders.measuring import number


def telemetry_of(frame: Frame, device: Device, *, code: int, telemetry: int, parameters: int) -> bytes | None:
    """Return the payload of a telemetry frame, or None for a frame of parameters. Raises `Undecodable` for all others.

    `telemetry` and `parameters` are the lengths of these two frames in bytes.
    """
    payload = frame.payload
    size = len(payload)
    if frame.port not in device.ports or size not in {telemetry, parameters}:
        raise unfit(frame, device)
    if payload[:2] != b"\x80\x00" or payload[-2:] != b"\x00\x81":
        raise Undecodable(f"a frame is 80 00 … 00 81, not {payload[:2].hex(' ')} … {payload[-2:].hex(' ')}")
    if payload[2] != code:
        raise Undecodable(f"byte 2: product {payload[2]:#04x} is not {device.model}, which is {code:#04x}")
    if payload[4] != size:
        raise Undecodable(f"byte 4: the length is {payload[4]}, but the frame has {size} bytes")
    if payload[3] in {1, 2} and size == telemetry:
        return payload
    if payload[3] == 3 and size == parameters:
        return None
    raise Undecodable(f"byte 3: no frame of {size} bytes has type {payload[3]:#04x}")


VOLTS: Final = Measured(lowest=1.5, highest=5)
CELSIUS: Final = Measured(lowest=-40, highest=85)
"""The sensors work from -20 to 70 °C: TheThingsNetwork/lorawan-devices vendor/dingtek do201.yaml."""


def common(payload: bytes) -> dict[str, Any]:
    """Return the fields that all telemetry frames have."""
    return {
        "occupancy": Occupancy.OCCUPIED if payload[7] >> 4 else Occupancy.VACANT,
        "battery_volts": number(int.from_bytes(payload[9:11]) / 100, VOLTS),
        "fault": "battery low" if payload[8] & 0x0F else None,
    }


DISTANCE: Final = Measured(lowest=1, highest=8000, errors=(0, 0xFFFF))
"""The smallest distance is not published."""


def distance(payload: bytes) -> int | None:
    """Return the distance in mm; None for an error value. The sensor decides by its magnetometer as well."""
    millimetres, _fault = measuring.distance(int.from_bytes(payload[5:7]), DISTANCE)
    return millimetres


def celsius(byte: int) -> float | None:
    """Return the temperature of an int8; published frames have -117 on a mild day."""
    return number(float(byte - 256 if byte > 127 else byte), CELSIUS)


def setting(head: str, key: int, value: int, *, digits: int = 2) -> tuple[int, bytes]:
    """Return the downlink that sets the value of a key."""
    return 3, f"{head}{key:02X}{value:0{digits}X}81".encode()


_HEAD: Final = "80029999"


def _report_interval(*, hours: int) -> tuple[int, bytes]:
    return setting(_HEAD, 0x01, within("hours", hours, 1, 168))


def _detection_interval(*, minutes: int) -> tuple[int, bytes]:
    return setting(_HEAD, 0x08, within("minutes", minutes, 1, 60))


def _magnetic_threshold(*, value: int) -> tuple[int, bytes]:
    return setting(_HEAD, 0x0F, within("value", value, 1, 0xFFFF), digits=4)


def _battery_threshold(*, percent: int) -> tuple[int, bytes]:
    return setting(_HEAD, 0x05, within("percent", percent, 5, 99))


DOWNLINKS: Final[Mapping[str, Command]] = {
    "report_interval": _report_interval,
    "detection_interval": _detection_interval,
    "magnetic_threshold": _magnetic_threshold,
    "battery_threshold": _battery_threshold,
}
"""The commands of DO201 and DO202."""
