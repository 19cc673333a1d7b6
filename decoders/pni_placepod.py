"""PNI PlacePod: magnetometer, in-ground or on the surface, detecting or counting.

A frame is a list of items, on any port. A status is sent on change, a keep-alive from time to time.

    channel  type  value
    01             recalibrated: 1 done, else failed
    02       67    temperature, int16, 0.1 °C; outside -40 to 85 °C it is none
    03       02    battery, int16, 0.01 V; outside 1.5 to 5 V it is none
    05, 06         internal
    15       66    status: 1 occupied, 0 vacant
    1C             1: deactivated, so the sensor detects nothing
    21             vehicles counted; 128: recalibrating after a restart
    37       66    keep-alive: 1 occupied, 0 vacant
    37       00    keep-alive of the counting variant: vehicles counted
    3F             restarted

A status beside a recalibration that fails or goes on, or beside a deactivation, is the occupancy: both are published together.

Numbers are big-endian. A value without a length has one byte. A channel without a type has any type. The type matters on
channel 37: a count is no occupancy.

Calibration: by a downlink, while the space is vacant. Item 01 reports the result. The bytes of downlinks are not published.

Sources: akenza-io/device-type-library types/pnicorp/placePod; tago-io/decoders pni placepod; PNI PlacePod Sensor
Communications Protocol.
"""

from collections.abc import Iterator
from typing import Final

from decoders import Device, Frame, Measured, Occupancy, Reading, Undecodable
from decoders._items import Fields, Item, read
from decoders.measuring import number

CELSIUS: Final = Measured(lowest=-40, highest=85)
VOLTS: Final = Measured(lowest=1.5, highest=5)

DEVICE: Final = Device(
    vendor="PNI",
    model="PlacePod",
    ports=(),
    measures={"temperature_celsius": CELSIUS, "battery_volts": VOLTS},
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a PlacePod."""
    return read(frame.payload, ITEMS, width=2)


def _presence(value: bytes) -> Fields:
    match value[0]:
        case 0:
            return {"occupancy": Occupancy.VACANT}
        case 1:
            return {"occupancy": Occupancy.OCCUPIED}
    raise Undecodable(f"a status is 0 or 1, not {value[0]}")


def _temperature(value: bytes) -> Fields:
    return {"temperature_celsius": number(int.from_bytes(value, signed=True) / 10, CELSIUS)}


def _battery(value: bytes) -> Fields:
    return {"battery_volts": number(int.from_bytes(value, signed=True) / 100, VOLTS)}


def _count(value: bytes) -> Fields:
    return {"counter": value[0]}


def _count_or_restart(value: bytes) -> Fields:
    return {"fault": "recalibrating"} if value[0] == 128 else {"counter": value[0]}


def _recalibrated(value: bytes) -> Fields:
    return {} if value[0] == 1 else {"fault": "recalibration failed"}


def _deactivated(value: bytes) -> Fields:
    return {"fault": "switched off"} if value[0] == 1 else {}


def _whatever_type(channel: int, item: Item) -> Iterator[tuple[bytes, Item]]:
    return ((bytes([channel, kind]), item) for kind in range(256))


ITEMS: Final = {
    **dict(_whatever_type(0x01, Item(1, _recalibrated))),
    b"\x02\x67": Item(2, _temperature),
    b"\x03\x02": Item(2, _battery),
    **dict(_whatever_type(0x05, Item(1))),
    **dict(_whatever_type(0x06, Item(1))),
    b"\x15\x66": Item(1, _presence),
    **dict(_whatever_type(0x1C, Item(1, _deactivated))),
    **dict(_whatever_type(0x21, Item(1, _count_or_restart))),
    b"\x37\x66": Item(1, _presence),
    b"\x37\x00": Item(1, _count),
    **dict(_whatever_type(0x3F, Item(1))),
}
