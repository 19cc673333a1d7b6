"""The frame of MOKO's LW009-SM and LW009-IG, which are Turbo's TBS-223 and TBS-201.

    0       7E         head
    1                  protocol version
    2-5                when, seconds since 1970
    6-7                frame counter
    8-9     length     of the items
    10                 instruction
    11      00         not encrypted
    12-     items      tag, length, value
    then    2 bytes
    last    7E         tail

    tag  value
    02   message: 00 heartbeat, 0B became vacant, 0C became occupied, from 0D on something is wrong
    03   device: 85 SM, 82 IG; a frame with it tells parameters
    05   version
    06   heartbeat interval, 30 s
    0B   temperature, °C, signed: the vendor's decoder forgets the sign
    22   sensitivity
    23   radar
    24   battery, %
    25   magnetic field x, y, z, int16 each
    29   battery, mV
    32   1 a car, 0 none
    35   humidity, %

Numbers are big-endian. Unknown tags are skipped, since they say their length.
"""

from collections.abc import Mapping
from typing import Any

from decoders import Device, Frame, Occupancy, Reading, Undecodable
from decoders._clock import unix_time
from decoders._refusals import unfit


def read(frame: Frame, device: Device, *, model: int, faults: Mapping[int, str]) -> Reading:
    """Return what a frame says. `faults` are the messages by which the device says what is wrong with it."""
    if frame.port not in device.ports:
        raise unfit(frame, device)
    items = _items(frame.payload)
    fields: dict[str, Any] = {"at": unix_time(int.from_bytes(frame.payload[2:6]))}
    for tag, value in items.items():
        match tag, int.from_bytes(value):
            case 0x02, message:
                fields["fault"] = faults.get(message)
            case 0x03, other if other != model:
                raise Undecodable(f"tag 03: device {other:#04x} is not {device.model}, which is {model:#04x}")
            case 0x0B, _:
                fields["temperature_celsius"] = float(int.from_bytes(value, signed=True))
            case 0x24, percent if percent <= 100:
                fields["battery_percent"] = float(percent)
            case 0x29, millivolts:
                fields["battery_volts"] = millivolts / 1000
            case 0x32, car:
                fields["occupancy"] = _occupancy(car)
    return Reading(**fields)


def _occupancy(car: int) -> Occupancy:
    match car:
        case 0:
            return Occupancy.VACANT
        case 1:
            return Occupancy.OCCUPIED
    raise Undecodable(f"tag 32: a status is 0 or 1, not {car}")


def _items(payload: bytes) -> dict[int, bytes]:
    size = len(payload)
    if size < 15 or payload[0] != 0x7E or payload[-1] != 0x7E:
        raise Undecodable(f"a frame has 15 bytes or more between two 7e; this one has {size}: {payload[:15].hex(' ')}")
    if 12 + int.from_bytes(payload[8:10]) + 3 != size:
        raise Undecodable(f"bytes 8 and 9: items of {int.from_bytes(payload[8:10])} bytes do not make {size} bytes")
    if payload[11]:
        raise Undecodable("byte 11: the frame is encrypted")
    items = {}
    at, end = 12, size - 3
    while at < end:
        value_at = at + 2
        after = value_at + payload[at + 1]
        if after > end:
            raise Undecodable(f"byte {at}: tag {payload[at]:02x} reaches beyond the items")
        items[payload[at]] = payload[value_at:after]
        at = after
    return items
