"""Libelium Smart Parking: magnetometer (Plug & Sense, firmware 1.x or 2.x), with radar (Smart Parking 2).

THE TRAP: frames of firmware 2.x and of Smart Parking 2 have the same length, but the types of frame in byte 0 differ. The
port is not published. So an installation has to set the option `line`, or use one of the names that set it.

    fw1, 12 bytes; fw2, 11 bytes
    0      7 occupied, 6 battery low, 5-4 reserved, 3-0 type: 0 info, 1 keep-alive, 2 daily, 3 error, 4 start, 5 start
    1      frame counter
    fw1    info 2-3 temperature, raw, 4-9 magnetic field; keep-alive 2 hour, 3 minute, 4-5 temperature, raw, 6-11 field;
           daily 2-3 measurements, 4-7 transmissions, 8 resets, 9 configuration; start (4) 2-9 references, 10-11 battery,
           mV; error: the faulty parts, in bits whose places are not published
    fw2    info 2 temperature, int8, °C, 3-8 field; keep-alive 2 hour, 3 minute, 4 temperature, 5-10 field; daily as fw1

    sp2, 11 bytes
    0      7 occupied, 6 battery low, 2-0 type: 0 info, 1 keep-alive, 2, 3 configuration, 4, 5 start, 6, 7 clock
    1      sequence
    2-10   not published

Numbers are big-endian. Every frame has the status, also an error frame, which is a fault. Temperatures outside -40 to 85 °C are none. The formula for the raw temperature of fw1 is not published. Hour and
minute are ignored: they are the time of sending, without day and zone. A keep-alive comes every 2 h, at night every 3 h.

Calibration: the sensor takes the reference of the magnetic field when it starts, so start it in a vacant space. The radar
of Smart Parking 2 calibrates itself from time to time.

Downlinks: firmware 1.x and 2.x expect 8 bytes with the time as the answer to a start frame, and accept words of
configuration. Smart Parking 2 is configured through Libelium's cloud. The bytes are not published.

Sources: Libelium Smart Parking technical guide, pages 11-16, 58-60 and section 7.1; PyPI libelium-parking-sensor-v2.
"""

from datetime import timedelta
from typing import Final, Literal

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable
from decoders._refusals import unfit
from decoders.measuring import faults, number

CELSIUS: Final = Measured(lowest=-40, highest=85)
VOLTS: Final = Measured(lowest=1.5, highest=5)
FAULTY: Final = 3
"""The type of an error frame of the firmware 1.x and 2.x."""

DEVICE: Final = Device(
    vendor="Libelium",
    model="Plug & Sense Smart Parking, Smart Parking 2",
    ports=(),
    heartbeat=timedelta(hours=3),
    measures={"temperature_celsius": CELSIUS, "battery_volts": VOLTS},
    lines={
        "libelium_smart_parking_fw1": {"line": "fw1"},
        "libelium_smart_parking_fw2": {"line": "fw2"},
        "libelium_smart_parking_2": {"line": "sp2"},
    },
)

RESERVED_FROM: Final = 6


def decode(frame: Frame, *, line: Literal["fw1", "fw2", "sp2"]) -> Reading:
    """Read one frame of a Smart Parking sensor."""
    payload = frame.payload
    if len(payload) != (12 if line == "fw1" else 11):
        raise unfit(frame, DEVICE)
    kind = payload[0] & 0x0F
    if line != "sp2" and kind >= RESERVED_FROM:
        raise Undecodable(f"byte 0: the type {kind} is reserved")
    battery_volts = temperature = None
    battery_low = "battery low" if payload[0] & 0x40 else None
    error = "the sensor reports an error" if line != "sp2" and kind == FAULTY else None
    match line, kind:
        case "fw1", 4:
            battery_volts = number(int.from_bytes(payload[10:12]) / 1000, VOLTS)
        case "fw2", 0:
            temperature = _celsius(payload[2:3])
        case "fw2", 1:
            temperature = _celsius(payload[4:5])
    return Reading(
        occupancy=Occupancy.OCCUPIED if payload[0] & 0x80 else Occupancy.VACANT,
        battery_volts=battery_volts,
        temperature_celsius=temperature,
        fault=faults(error, battery_low),
    )


def _celsius(byte: bytes) -> float | None:
    return number(float(int.from_bytes(byte, signed=True)), CELSIUS)
