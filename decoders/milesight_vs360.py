"""Milesight VS360: light barrier that counts who passes it, in two directions.

It counts people and whatever else interrupts two infrared beams. Across a narrow lane that admits one vehicle at a time it
counts vehicles; a person who walks through counts as well.

    port       message
    85         items, see `_milesight_passages`, without a temperature, and these. If the port is changed in the device, set the option
               `port` as well

    item       value
    01 75      battery of the main unit, %
    02 75      battery of the node opposite, %. The lower one of the two is the battery of the device
    03 F4      event: 00 counting anomaly, 01 the node does not respond, 02 the units are misaligned; 00 over, 01 begins

While one of the three events begins, the reading has a fault. The totals of such a frame are kept, because they are what was
counted until then.

Calibration: the two units are aligned. Downlinks: `FF A8 01` and `FF A8 02` set the total in and the total out to 0.

A battery of more than 100 % is none, and then the device has none, because the other unit's may not be the lower one. Other
error values are not published.

Source: Milesight-IoT/SensorDecoders vs-series/vs360; www.milesight.com products/docs/en/vs360, uplink.
"""

from datetime import timedelta
from typing import Final

from decoders import Device, Frame, Reading, Undecodable, measuring
from decoders._items import Fields, Item
from decoders._milesight import PORT, battery
from decoders._milesight_counting import read, reading
from decoders._milesight_passages import PASSAGE, PERCENT, STORED, temperature

DEVICE: Final = Device(
    vendor="Milesight",
    model="VS360",
    ports=(PORT,),
    heartbeat=timedelta(minutes=10),
    measures={"battery_percent": PERCENT},
)

_FAULTS: Final = {0: "counting anomaly", 1: "the node does not respond", 2: "the units are misaligned"}


def decode(frame: Frame, *, port: int = PORT) -> Reading:
    """Read one frame of a VS360."""
    fields = read(frame, _ITEMS, STORED, port=port)
    levels = [fields.pop(unit) for unit in ("main", "opposite") if unit in fields]
    found = [fault for fault in _FAULTS.values() if fields.pop(fault, False)]
    lowest = None if None in levels else min(levels, default=None)
    return reading({**fields, "battery_percent": lowest, "fault": measuring.faults(*found)})


def _main(value: bytes) -> Fields:
    return {"main": battery(value)["battery_percent"]}


def _opposite(value: bytes) -> Fields:
    return {"opposite": battery(value)["battery_percent"]}


def _event(value: bytes) -> Fields:
    kind, begins = value
    if kind not in _FAULTS:
        raise Undecodable(f"no event has the kind {kind:02x}")
    return {_FAULTS[kind]: begins == 1}


_ITEMS: Final = {
    **{key: item for key, item in PASSAGE.items() if item.decode is not temperature},
    b"\x01\x75": Item(1, _main),
    b"\x02\x75": Item(1, _opposite),
    b"\x03\xf4": Item(2, _event),
}
