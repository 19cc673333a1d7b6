"""Milesight VS133: time-of-flight camera that counts what crosses its lines.

It counts how many drive or walk in and out over up to four lines. A zone without sensors in its spaces is counted by it.

    port       message
    85         items, see `_milesight_lines`. If the port is changed in the device, set the option `port` as well

Channel 1 is line 1, and so on. The frame as a whole has the totals of line 1. Which direction is "in" is drawn in the device.

Calibration: the lines are drawn in the device's web interface. A downlink `FF 51 FF` sets the totals to 0; the gateway notices
it.

Source: Milesight-IoT/SensorDecoders vs-series/vs133.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._milesight import PORT
from decoders._milesight_lines import LINES, read

DEVICE: Final = Device(vendor="Milesight", model="VS133", ports=(PORT,), channels=LINES)


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of a VS133."""
    return read(frame, port=port)
