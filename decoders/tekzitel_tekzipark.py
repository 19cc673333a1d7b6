"""TEKZITEL TEKZIPARK: radar and magnetometer, and a scan for Bluetooth beacons.

    port  bytes  message
    1     3      status: 0 flags, 1 temperature, int8, °C, 2 number of the space
    1     4-     the same, then 3 strength of a beacon, int8, then identities of beacons, uint16 each
    2     12     status with details: 0-2 as above, 3-5 deflection x, y, z, 6-8 baseline x, y, z, 9 fault code,
                 10 obstruction, 11 reflection

    flags  7 occupied, 5 battery good, 4 obstruction, 3 seen by radar, 2 no beacon, 1 first frame after a reset,
           0 keep-alive

An obstruction, also that of byte 10, and a fault code are faults. The status beside them is published by the vendor's decoder, so
it is the occupancy. Temperatures outside -40 to 85 °C, the range of the sensor, are none.

The period of the keep-alive can be set. Its default is not published.

Calibration: automatic. The baseline is kept in the sensor. Downlink on port 3: 8 bytes of packed settings, among them the
thresholds, the time between measurements and the period of the keep-alive. The default is `47 16 18 eb 00 00 68 aa`.

Source: TheThingsNetwork/lorawan-devices vendor/tekzitel tekzipark.js.
"""

from typing import Final

from decoders import Device, Frame, Measured, Occupancy, Reading
from decoders._refusals import unfit
from decoders.measuring import faults, number

CELSIUS: Final = Measured(lowest=-40, highest=85)

DEVICE: Final = Device(vendor="TEKZITEL", model="TEKZIPARK", ports=(1, 2), measures={"temperature_celsius": CELSIUS})


def decode(frame: Frame) -> Reading:
    """Read one frame of a TEKZIPARK."""
    payload = frame.payload
    match frame.port, len(payload):
        case 1, size if size == 3 or (size >= 4 and size % 2 == 0):
            return _status(payload, obstruction=0, fault_code=0)
        case 2, 12:
            return _status(payload, obstruction=payload[10], fault_code=payload[9])
    raise unfit(frame, DEVICE)


def _status(payload: bytes, *, obstruction: int, fault_code: int) -> Reading:
    flags = payload[0]
    obstructed = bool(flags & 0x10 or obstruction)
    return Reading(
        occupancy=Occupancy.OCCUPIED if flags & 0x80 else Occupancy.VACANT,
        temperature_celsius=number(float(int.from_bytes(payload[1:2], signed=True)), CELSIUS),
        fault=faults(
            None if flags & 0x20 else "battery low",
            "obstructed" if obstructed else None,
            f"fault {fault_code}" if fault_code else None,
        ),
    )
