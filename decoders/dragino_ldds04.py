"""Dragino LDDS04: ultrasonic, with four probes.

It measures four distances: probe 1 is channel 1, and so on. The thresholds of an installation turn the distance of its channel
into an occupancy.

    port  bytes  message
    2     11     reading, every 20 min by default

    reading      value
    0-1          battery, low 14 bits, mV; bit 15: sent because of an interrupt
    2-3 … 8-9    distances of the probes 1 to 4, mm; 0: no probe, 20: beyond the range, FFFF: no echo
    10           1: a reading, 2: an answer to a downlink

Numbers are big-endian. The battery is no measurement where `_dragino` says so. An answer to a downlink that begins with 03 contains
no measurement.

The probes have several ranges, and the frame does not contain which probe is connected. So the range is that of all together: 30 mm
(as the DDS45) to 15,000 mm (probe A16-15).

Calibration: none. The thresholds belong to the installations.

Sources: dragino/dragino-end-node-decoder LDDS04; user manual of the LDDS04, 2.4; the vendor's page on the probes A16-15.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._dragino import DOWNLINKS, VOLTS, four_probes, ultrasonic
from decoders._refusals import unfit

DISTANCE: Final = ultrasonic(30, 15_000)

DEVICE: Final = Device(
    vendor="Dragino",
    model="LDDS04",
    ports=(2,),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS},
    channels=(1, 2, 3, 4),
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LDDS04."""
    if frame.port == 2 and len(frame.payload) == 11:
        return four_probes(frame.payload, DISTANCE)
    raise unfit(frame, DEVICE)
