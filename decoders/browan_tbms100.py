"""Browan TBMS100 (TABS motion): infrared. It detects motion; a parked car does not move.

    port  bytes  message
    102   8      0 bit 0: motion; 1 low nibble: battery, 2.5 V + 0.1 V x; 2 low 7 bits: temperature + 32, °C;
                 3-4 minutes since the last motion; 5-7 motions counted

Numbers are little-endian. It works from 0 to 50 °C; temperatures of more than 85 °C are none. Motion is read as occupied and its end as vacant. This suits a drive or a gate. Over a space, a
car is lost as soon as it stands still.

Calibration: none. Downlinks: none published.

Sources: TheThingsNetwork/lorawan-devices vendor/browan tbms100.js; akenza-io/device-type-library types/browan/TBMS100.
"""

from typing import Final

from decoders import Device, Frame, Measured, Occupancy, Reading
from decoders._refusals import unfit
from decoders.measuring import number

CELSIUS: Final = Measured(lowest=-32, highest=85)
VOLTS: Final = Measured(lowest=2.5, highest=4)
"""All that its four bits can carry."""

DEVICE: Final = Device(
    vendor="Browan",
    model="TBMS100",
    ports=(102,),
    measures={"temperature_celsius": CELSIUS, "battery_volts": VOLTS},
)


def decode(frame: Frame) -> Reading:
    """Read one frame of a TBMS100."""
    payload = frame.payload
    if frame.port != 102 or len(payload) != 8:
        raise unfit(frame, DEVICE)
    return Reading(
        occupancy=Occupancy.OCCUPIED if payload[0] & 1 else Occupancy.VACANT,
        battery_volts=(25 + (payload[1] & 0x0F)) / 10,
        temperature_celsius=number(float((payload[2] & 0x7F) - 32), CELSIUS),
        counter=int.from_bytes(payload[5:8], "little"),
    )
