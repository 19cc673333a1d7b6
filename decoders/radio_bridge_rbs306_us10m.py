"""Radio Bridge RBS306-US10M: ultrasonic, 10 m.

It measures a distance. The thresholds of the installation turn it into an occupancy. By default it reports only when the
distance crosses a threshold in the device; a downlink sets a report at intervals.

    byte 1  bytes  message, on any port; byte 0 is the protocol, 1, and a counter of 4 bits
    10      5      measurement: 2 event (0 periodic, 1 above, 2 below a threshold, 3 increase, 4 decrease), 3-4 distance, mm
    01      5, 11  supervision: 2 errors, 3 state, 4 battery, volts and tenths as two digits; then 5-8 state, 9-10 number of events
    02      3      housing: 0 opened, 1 closed
    00      6-8    start: 2 kind of device (10), 3 hardware, 4-5 firmware, then the cause
    fb      5      quality of the radio link
    ff      3      answer to a downlink: 1 invalid, 2 valid

    errors  bit 0 the radio failed, bit 1 battery low, bit 2 the last downlink was wrong, bit 3 housing, bit 4 the housing was opened since
            the start

Numbers are big-endian. Two sources disagree about bit 3 (the manual calls it the state, the support page has it set for a
closed housing), so the housing is read from its own message only.

The sensor measures from 500 mm to 10 m; what it reports beyond is wrong by its manual. Its scale ends at 9999, which is
therefore no echo, as is 0. It has no temperature.

Calibration: none. The thresholds belong to the installation. Downlinks: `10 00` and the reports at intervals, see its manual.

Source: TheThingsNetwork/lorawan-devices vendor/radio-bridge radio_bridge_packet_decoder.js; RBS306-US10M user guide 1.5,
chapter 7; support.radiobridge.com, articles on supervisory messages and on downlinks of the ultrasonic level sensor.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading, Undecodable, measuring
from decoders._refusals import unfit

DISTANCE: Final = Measured(lowest=500, highest=9998, errors=(0, 9999))

VOLTS: Final = Measured(lowest=1.5, highest=5)
"""Bounds that no battery of the sensor exceeds."""

DEVICE: Final = Device(
    vendor="Radio Bridge",
    model="RBS306-US10M",
    ports=(),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS},
)

_ERRORS: Final = {0x01: "the radio failed", 0x02: "battery low"}


def decode(frame: Frame) -> Reading:
    """Read one frame of an RBS306-US10M."""
    payload = frame.payload
    if payload and payload[0] >> 4 != 1:
        raise Undecodable(f"byte 0: protocol {payload[0] >> 4} is unknown")
    match payload[1:2], len(payload):
        case b"\x10", 5:
            return _measurement(payload)
        case b"\x01", 5 | 11:
            return _supervision(payload)
        case b"\x02", 3 if payload[2] <= 1:
            return Reading(tamper=payload[2] == 0)
        case (b"\x00", 6 | 7 | 8) | (b"\xfb", 5) | (b"\xff", 3):
            return Reading()
    raise unfit(frame, DEVICE)


def _measurement(payload: bytes) -> Reading:
    if payload[2] > 4:
        raise Undecodable(f"byte 2: no event has the number {payload[2]}")
    millimetres, fault = measuring.distance(int.from_bytes(payload[3:5]), DISTANCE)
    return Reading(distance_mm=millimetres, fault=fault)


def _supervision(payload: bytes) -> Reading:
    volts, tenths = payload[4] >> 4, payload[4] & 0x0F
    if tenths > 9:
        raise Undecodable(f"byte 4: a battery has two digits, not {payload[4]:02x}")
    found = (fault for bit, fault in _ERRORS.items() if payload[2] & bit)
    return Reading(battery_volts=measuring.number(volts + tenths / 10, VOLTS), fault=measuring.faults(*found))
