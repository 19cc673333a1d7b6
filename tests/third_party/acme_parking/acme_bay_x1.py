"""Acme Bay X1: magnetometer.

    port  bytes  message
    1     2      status: 0 bit 0 occupied, 1 battery, 0.1 V

Calibration: automatic. Downlinks: none.

Source: Acme's Payload Guide 1.2.
"""

from typing import Final

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable, measuring

VOLTS: Final = Measured(lowest=2, highest=4)

DEVICE: Final = Device(vendor="Acme", model="Bay X1", ports=(1,), measures={"battery_volts": VOLTS})


def decode(frame: Frame) -> Reading:
    """Read one frame of a Bay X1."""
    match frame.port, len(frame.payload):
        case 1, 2:
            status, battery = frame.payload
            return Reading(
                occupancy=Occupancy.OCCUPIED if status & 1 else Occupancy.VACANT,
                battery_volts=measuring.number(battery / 10, VOLTS),
            )
    raise Undecodable(f"no message on port {frame.port} has {len(frame.payload)} bytes")
