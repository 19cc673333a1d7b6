"""The frame that all sensors of Decentlab send: blocks of uint16, big-endian, on any port.

    0    02     protocol version
    1-2         identity of the device
    3-4  flags  bit 0: the frame has the block of the sensor; bit 1: it has the block of the battery
    5-          the blocks in this order; the battery is one word, mV

Downlinks on port 1 end with a checksum of 2 bytes.

    00 01 02 58 7E 51  600 s between measurements, until the next restart
    00 02 0E 10 48 A4  3,600 s between measurements, permanently
    00 07 00 00 E5 B1  adaptive data rate off
    FE FE 00 00 3C 50  restart
"""

import struct
from typing import Final

from decoders import Measured, Undecodable, measuring

HEAD: Final = 5
VOLTS: Final = Measured(lowest=1.5, highest=5)
"""Bounds that no battery of the sensor exceeds."""


def blocks(payload: bytes, *, words: int) -> tuple[tuple[int, ...] | None, float | None]:
    """Return the words of the sensor's block and the battery in volts, each None if the frame has no such block.

    `words` is the length of the sensor's block. Raises `Undecodable`.
    """
    size = len(payload)
    if size < HEAD:
        raise Undecodable(f"a frame has at least {HEAD} bytes, not {size}")
    if payload[0] != 2:
        raise Undecodable(f"byte 0: protocol version {payload[0]} is unknown")
    flags = int.from_bytes(payload[3:5])
    if flags > 3:
        raise Undecodable(f"bytes 3 and 4: blocks {flags:#06x} are unknown")
    count = (words if flags & 1 else 0) + (1 if flags & 2 else 0)
    if size != HEAD + 2 * count:
        raise Undecodable(f"a frame with blocks {flags:#06x} has {HEAD + 2 * count} bytes, not {size}")
    values = struct.unpack_from(f">{count}H", payload, HEAD)
    volts = measuring.number(values[-1] / 1000, VOLTS) if flags & 2 else None
    return values[:words] if flags & 1 else None, volts


LASER: Final = Measured(lowest=50, highest=40_000, errors=(0, 0xFFFF))
"""The decoders name no range. Laser modules of this kind measure from 5 cm to 40 m."""


def distance(millimetres: int, samples: int, measured: Measured) -> tuple[int | None, str | None]:
    """Return the distance in mm, or None and its fault. A distance without a valid sample is none."""
    return measuring.distance(millimetres, measured) if samples else (None, measuring.NO_ECHO)
