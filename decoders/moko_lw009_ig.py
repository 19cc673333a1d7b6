"""MOKOSmart LW009-IG (Turbo TBS-201): magnetometer, in-ground.

    port  message
    1     the frame that `_moko` describes: status and battery, with the time of the device's clock

Messages beyond heartbeat, vacant and occupied: 0D strong magnetic interference, 0E battery low, 0F and 10 magnetic sensor
failed. They have a status too. The vendor's decoder reads fixed places and returns a wrong y axis. This codec reads the items.

Calibration: with its app, over Bluetooth, while the space is vacant; the sensitivity can be set. Downlinks: not published.

Source: LoRaWAN-Product-Decoder/MOKOSMART-LoRaWAN-Product-Decoder LW009/LW009-IG.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._moko import INTERFERENCE, MEASURES, NO_MAGNET, read

DEVICE: Final = Device(vendor="MOKOSmart", model="LW009-IG, Turbo TBS-201", ports=(1,), measures=MEASURES)

FAULTS: Final = {
    b"\x0d": INTERFERENCE,
    b"\x0e": "battery low",
    b"\x0f": NO_MAGNET,
    b"\x10": NO_MAGNET,
}


def decode(frame: Frame) -> Reading:
    """Read one frame of an LW009-IG."""
    return read(frame, DEVICE, model=b"\x82", faults=FAULTS)
