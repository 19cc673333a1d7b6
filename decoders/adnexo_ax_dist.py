"""adnexo ax-dist: ultrasonic.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port           bytes  message
    1 to 5                answers to downlinks, and restarts, see `_adnexo`; setting 52: threshold, mm, int16
    100, 101, 102  6      0-1 distance, mm (0 and FFFF: none); 2-3 temperature, 0.1 °C, int16 (8000: none); 4-5 battery, mV
    104            4, 6   an invalid measurement: 0-1 distance, 2-3 its variance
    104            8      the same, then 4-5 temperature, 6-7 battery, as above

Numbers are little-endian. It measures up to 5 m. The smallest distance is not published. The sensor sends on port 101 when the distance crosses a threshold that is set in the sensor.

Calibration: none. The thresholds belong to the installation. The one in the sensor, setting 52, only decides when it sends.

Downlinks on ports 2 to 4 restart the sensor and set or read its settings. Their bytes are not published.

Source: akenza-io/device-type-library types/adnexo/ax-dist.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._adnexo import CELSIUS, MEASUREMENTS, SETTINGS, VOLTS, celsius, distance, downlink_answer, volts
from decoders._items import Item
from decoders._refusals import unfit

DISTANCE: Final = Measured(lowest=1, highest=5000, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="adnexo",
    model="ax-dist",
    ports=(1, 2, 3, 4, 5, *MEASUREMENTS, 104),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "temperature_celsius": CELSIUS, "battery_volts": VOLTS},
)

OWN_SETTINGS: Final = {**SETTINGS, b"\x52": Item(2)}


def decode(frame: Frame) -> Reading:
    """Read one frame of an ax-dist."""
    payload = frame.payload
    match frame.port, len(payload):
        case 100 | 101 | 102, 6:
            millimetres, fault = distance(payload[0:2], DISTANCE)
            return Reading(
                distance_mm=millimetres,
                fault=fault,
                temperature_celsius=celsius(payload[2:4]),
                battery_volts=volts(payload[4:6]),
            )
        case 104, 4 | 6:
            return Reading(fault="invalid measurement")
        case 104, 8:
            return Reading(
                fault="invalid measurement",
                temperature_celsius=celsius(payload[4:6]),
                battery_volts=volts(payload[6:8]),
            )
        case 1 | 2 | 3 | 4 | 5, _:
            return downlink_answer(frame, OWN_SETTINGS)
    raise unfit(frame, DEVICE)
