"""The frame of MOKO LW009-SM and LW009-IG, which are also sold as Turbo TBS-223 and TBS-201.

    0       7E         head
    1                  protocol version
    2-5                time, seconds since 1970
    6-7                frame counter
    8-9     length     of the items
    10                 instruction
    11      00         not encrypted
    12-     items      tag, length, value
    then    2 bytes without a published meaning
    last    7E         tail

    tag  value
    02   message: 00 heartbeat, 0B became vacant, 0C became occupied, 0D and more: a fault
    03   device: 85 SM, 82 IG; only in a frame of parameters
    05   version
    06   heartbeat interval, 30 s
    0B   temperature, °C, signed; the vendor's decoder reads it as unsigned; outside -40 to 85 it is none
    22   sensitivity
    23   radar
    24   battery, %
    25   magnetic field x, y, z, int16 each
    29   battery, mV; outside 1.5 to 5 V it is none
    32   1 a car, 0 none
    35   humidity, %

A frame that reports interference, or that a part of the sensor failed, has a status too. The vendor's decoder publishes it, and
nothing published calls it invalid, so it is the occupancy beside the fault.

Numbers are big-endian. Unknown tags are skipped, because every tag has its length.
"""

from collections.abc import Mapping
from typing import Final

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable
from decoders._clock import unix_time
from decoders._refusals import unfit
from decoders.measuring import number

CELSIUS: Final = Measured(lowest=-40, highest=85)
VOLTS: Final = Measured(lowest=1.5, highest=5)
MEASURES: Final = {"temperature_celsius": CELSIUS, "battery_volts": VOLTS}

INTERFERENCE: Final = "strong magnetic interference"
NO_MAGNET: Final = "magnetic sensor failed"
NO_RADAR: Final = "radar failed"

STATUS: Final = {b"\x00": Occupancy.VACANT, b"\x01": Occupancy.OCCUPIED}


def read(frame: Frame, device: Device, *, model: bytes, faults: Mapping[bytes, str]) -> Reading:
    """Return the reading of a frame. `faults` are the messages that report a fault, with their meanings."""
    if frame.port not in device.ports:
        raise unfit(frame, device)
    items = _items(frame.payload)
    if items.get(0x03, model) != model:
        raise Undecodable(f"tag 03: device {items[0x03].hex()} is not {device.model}, which is {model.hex()}")
    if items.get(0x32, b"\x00") not in STATUS:
        raise Undecodable(f"tag 32: a status is 00 or 01, not {items[0x32].hex()}")
    percent = int.from_bytes(items.get(0x24, b"\xff"))
    return Reading(
        occupancy=STATUS[items[0x32]] if 0x32 in items else None,
        at=unix_time(int.from_bytes(frame.payload[2:6])),
        battery_volts=number(int.from_bytes(items[0x29]) / 1000, VOLTS) if 0x29 in items else None,
        battery_percent=float(percent) if percent <= 100 else None,
        temperature_celsius=(
            number(float(int.from_bytes(items[0x0B], signed=True)), CELSIUS) if 0x0B in items else None
        ),
        fault=faults.get(items.get(0x02, b"")),
    )


def _items(payload: bytes) -> dict[int, bytes]:
    size = len(payload)
    if size < 15 or payload[0] != 0x7E or payload[-1] != 0x7E:
        raise Undecodable(f"a frame has at least 15 bytes, from 7e to 7e, not {size}: {payload[:15].hex(' ')}")
    length = int.from_bytes(payload[8:10])
    if 12 + length + 3 != size:
        raise Undecodable(
            f"bytes 8 and 9: a frame with items of {length} bytes has {12 + length + 3} bytes, not {size}"
        )
    if payload[11]:
        raise Undecodable("byte 11: the frame is encrypted")
    items = {}
    at, end = 12, size - 3
    while at < end:
        value_at = at + 2
        after = value_at + payload[at + 1]
        if after > end:
            raise Undecodable(f"byte {at}: tag {payload[at]:02x} is longer than the items")
        items[payload[at]] = payload[value_at:after]
        at = after
    return items
