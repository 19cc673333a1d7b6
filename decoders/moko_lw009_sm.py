"""MOKOSmart LW009-SM (Turbo TBS-223): magnetometer and radar, on the surface.

    port  message
    1     the frame that `_moko` describes: status, battery, temperature and humidity, with the time of the device's clock

Messages beyond heartbeat, vacant and occupied: 0D strong magnetic interference, 0E battery low, 10 magnetic sensor failed,
11 temperature and humidity sensor failed, 12 radar failed. They have a status too.

Calibration: with its app, over Bluetooth, while the space is vacant; the sensitivity can be set. Downlinks: not published.

Source: LoRaWAN-Product-Decoder/MOKOSMART-LoRaWAN-Product-Decoder LW009/LW009-SM.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._moko import INTERFERENCE, MEASURES, NO_MAGNET, NO_RADAR, read

DEVICE: Final = Device(vendor="MOKOSmart", model="LW009-SM, Turbo TBS-223", ports=(1,), measures=MEASURES)

FAULTS: Final = {
    b"\x0d": INTERFERENCE,
    b"\x0e": "battery low",
    b"\x10": NO_MAGNET,
    b"\x11": "temperature and humidity sensor failed",
    b"\x12": NO_RADAR,
}


def decode(frame: Frame) -> Reading:
    """Read one frame of an LW009-SM."""
    return read(frame, DEVICE, model=b"\x85", faults=FAULTS)
