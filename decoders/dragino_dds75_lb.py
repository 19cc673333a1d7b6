"""Dragino DDS75-LB and DDS75-LS: ultrasonic, 7.5 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message, see `_dragino`
    2     8      reading, every 20 min by default
    2     14-    several readings, if bit 12 of the first word is set: battery in its low 12 bits, distances from byte 8 on,
                 in the last four bytes interrupt, temperature, sensor flag
    3     11 n   stored readings, with the device's time
    5     7      status
    6     2 n    distances while it watches for a change

The range is 280 to 7,500 mm from a flat object. The order of several distances is not published, so they give no distance.
One of the vendor's codecs divides the temperature of a single reading by 100, the others and the manual by 10, as here.

The NDDS75 has the same sensor and a modem for NB-IoT. It sends no LoRaWAN frame, so it has no codec.

Calibration: none. The thresholds belong to the installation.

Sources: dragino/dragino-end-node-decoder DDS75-LB; user manual of the LDDS75, which has the same sensor (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading, measuring
from decoders._dragino import CELSIUS, DOWNLINKS, NO_SENSOR, VOLTS, battery_series, celsius, ultrasonic

DISTANCE: Final = ultrasonic(280, 7_500)

DEVICE: Final = Device(
    vendor="Dragino",
    model="DDS75-LB, DDS75-LS",
    ports=(2, 3, 5, 6),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of a DDS75-LB."""
    payload = frame.payload
    match frame.port, len(payload):
        case 2, size if size >= 14 and size % 2 == 0 and payload[0] & 0x10:
            return _several(payload)
        case 6, size if size and size % 2 == 0:
            return Reading()
    return battery_series(frame, DEVICE)


def _several(payload: bytes) -> Reading:
    battery = int.from_bytes(payload[:2]) & 0x0FFF
    return Reading(
        battery_volts=measuring.number(battery / 1000, VOLTS),
        temperature_celsius=celsius(payload[-3:-1]),
        fault=None if payload[-1] else NO_SENSOR,
    )
