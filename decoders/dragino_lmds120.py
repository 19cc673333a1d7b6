"""Dragino LMDS120: radar, 12 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port  bytes  message
    2     8      reading, see `_dragino`; every 20 min by default; a distance of 3FFF is none
    5     6      status: 1 band, 2 sub-band, 3-4 firmware, 5 model

The range is 150 to 12,000 mm.

Calibration: none. The thresholds belong to the installation.

Sources: dragino/dragino-end-node-decoder LMDS120; user manual of the MDS120-CB, which has the same radar (range).
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._dragino import CELSIUS, DOWNLINKS, VOLTS, reading
from decoders._refusals import unfit

DISTANCE: Final = Measured(lowest=150, highest=12_000, errors=(0, 0x3FFF, 0xFFFF))

DEVICE: Final = Device(
    vendor="Dragino",
    model="LMDS120",
    ports=(2, 5),
    heartbeat=timedelta(minutes=20),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "battery_volts": VOLTS, "temperature_celsius": CELSIUS},
)

COMMANDS: Final = DOWNLINKS


def decode(frame: Frame) -> Reading:
    """Read one frame of an LMDS120."""
    match frame.port, len(frame.payload):
        case 2, 8:
            return reading(frame.payload, DISTANCE)
        case 5, 6:
            return Reading()
    raise unfit(frame, DEVICE)
