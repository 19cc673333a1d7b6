"""Milesight VS351: people counter for a passage, with a battery or a power supply.

It counts people, in two directions. A zone is counted by it only if people are what is counted there, as at the stairs of a
garage or at a bicycle park: a driver and two passengers are three.

    port       message
    85         items, see `_milesight_passages`, and FF CC: the power supply (00 battery, 01 external, 02 charging). If the port is
               changed in the device, set the option `port` as well

Calibration: none is needed. Downlinks: `FF A8 01` and `FF A8 02` set the total in and the total out to 0.

A battery of more than 100 % is none. Other error values are not published.

Source: Milesight-IoT/SensorDecoders vs-series/vs351; www.milesight.com products/docs/en/vs351, uplink.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading
from decoders._items import Item
from decoders._milesight import PORT
from decoders._milesight_counting import read, reading
from decoders._milesight_passages import CELSIUS, PASSAGE, PERCENT, STORED

DEVICE: Final = Device(
    vendor="Milesight",
    model="VS351",
    ports=(PORT,),
    heartbeat=timedelta(minutes=10),
    measures={"battery_percent": PERCENT, "temperature_celsius": CELSIUS},
)

_ITEMS: Final = {**PASSAGE, b"\xff\xcc": Item(1)}


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of a VS351."""
    return reading(read(frame, _ITEMS, STORED, port=port))
