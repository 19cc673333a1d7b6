"""adnexo ax-opto: laser with 3 x 3 zones, 1.3 m.

It measures a distance. The thresholds of the installation turn it into an occupancy.

    port           bytes  message
    1 to 5                answers to downlinks, and restarts, see `_adnexo`; also settings 15 to 27
    99             6, 8   acceleration x, y, z, int16 each; 6-7 battery, mV
    100, 101, 102  26     0-1 distance, mm (0 and FFFF: none); 2-19 the nine zones; 20-21 flags; 22-23 temperature, 0.1 °C,
                          int16 (8000: none); 24-25 battery, mV

    flags  01 signal too weak, 02 no signal, 08 no target, 40 too far, 80 the sensor does not answer

Numbers are little-endian. The sensor sends on port 101 after an event. With a flag a measurement may still have a distance. It
is probably not accurate, as the vendor's decoder says, so it is none.

It measures up to 1.3 m, and up to 4 m with the setting 17 for a long range.

Calibration: none. The thresholds belong to the installation. The zones and the tolerance of a tilt are settings in the
sensor.

Downlinks on ports 2 to 4 restart the sensor and set or read its settings. Their bytes are not published.

Source: akenza-io/device-type-library types/adnexo/ax-opto.
"""

from typing import Final

from decoders import Device, Frame, Measured, Reading
from decoders._adnexo import CELSIUS, MEASUREMENTS, SETTINGS, VOLTS, celsius, distance, downlink_answer, volts
from decoders._items import Item
from decoders._refusals import unfit
from decoders.measuring import TOO_WEAK, faults

DISTANCE: Final = Measured(lowest=1, highest=4000, errors=(0, 0xFFFF))

DEVICE: Final = Device(
    vendor="adnexo",
    model="ax-opto",
    ports=(1, 2, 3, 4, 5, 99, *MEASUREMENTS),
    measures_distance=True,
    measures={"distance_mm": DISTANCE, "temperature_celsius": CELSIUS, "battery_volts": VOLTS},
)

OWN_SETTINGS: Final = {
    **SETTINGS,
    b"\x15": Item(16),  # areas
    b"\x16": Item(2),  # timing budget
    b"\x17": Item(1),  # range
    b"\x23": Item(2),  # tolerance of the magnitude
    b"\x24": Item(2),  # tolerance of the tilt
    b"\x25": Item(2),  # samples averaged
    b"\x26": Item(1),  # notifications
    b"\x27": Item(2),  # their timeout
}

FLAGS: Final = {
    0x01: TOO_WEAK,
    0x02: "no signal",
    0x08: "no target",
    0x40: "target too far",
    0x80: "sensor does not answer",
}


def decode(frame: Frame) -> Reading:
    """Read one frame of an ax-opto."""
    payload = frame.payload
    match frame.port, len(payload):
        case 100 | 101 | 102, 26:
            flags = int.from_bytes(payload[20:22], "little")
            flagged = faults(*(words for flag, words in FLAGS.items() if flags & flag)) if flags else None
            millimetres, fault = distance(payload[0:2], DISTANCE)
            return Reading(
                distance_mm=None if flagged else millimetres,
                temperature_celsius=celsius(payload[22:24]),
                battery_volts=volts(payload[24:26]),
                fault=flagged or fault,
            )
        case 99, 6:
            return Reading()
        case 99, 8:
            return Reading(battery_volts=volts(payload[6:8]))
        case 1 | 2 | 3 | 4 | 5, _:
            return downlink_answer(frame, OWN_SETTINGS)
    raise unfit(frame, DEVICE)
