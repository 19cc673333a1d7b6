"""Milesight VS350: people counter for a passage, with a battery.

It counts people, in two directions. A zone is counted by it only if people are what is counted there, as at the stairs of a
garage or at a bicycle park: a driver and two passengers are three.

    port       message
    85         items, see `_milesight_passages`, and 81 EE: the sensitivity. If the port is changed in the device, set the option `port`
               as well

Calibration: the height, in the device. Downlinks: `FF A8 01` and `FF A8 02` set the total in and the total out to 0.

A battery of more than 100 % is none. Other error values are not published.

Source: Milesight-IoT/SensorDecoders vs-series/vs350.
"""

from typing import Final

from decoders import Device, Frame, Reading
from decoders._items import Item
from decoders._milesight import PORT
from decoders._milesight_counting import read, reading
from decoders._milesight_passages import CELSIUS, PASSAGE, PERCENT, STORED

DEVICE: Final = Device(
    vendor="Milesight",
    model="VS350",
    ports=(PORT,),
    measures={"battery_percent": PERCENT, "temperature_celsius": CELSIUS},
)

_ITEMS: Final = {**PASSAGE, b"\x81\xee": Item(1)}


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of a VS350."""
    return reading(read(frame, _ITEMS, STORED, port=port))
