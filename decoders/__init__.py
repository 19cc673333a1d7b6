"""What a codec is given, what it answers and what it may raise: the whole contract between a device and the gateway.

A codec is a module beside this one. Its docstring is the device's data sheet, its `DEVICE` says whose it is, and its
`decode(frame)` turns one frame into one `Reading`. What one payload cannot tell (a firmware line, say) is a keyword-only
parameter of `decode`: without a default when a person has to choose. Codecs import nothing of the gateway.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec


class Occupancy(StrEnum):
    """What a sensor says of its space. A sensor that says nothing of it says `None`."""

    VACANT = "vacant"
    OCCUPIED = "occupied"


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decrypted LoRaWAN application payload: all that a codec is given."""

    port: int
    """FPort, 1 to 255. Frames of port 0 carry MAC commands and are never decoded."""
    payload: bytes
    received_at: datetime
    """When the network received it, in UTC: for codecs whose devices count time backwards from the transmission."""
    object: Mapping[str, Any] | None = None
    """What the network server's own codec made of the payload, where it has one: for codecs that translate that."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a sensor said in one frame. `None` is "said nothing about it", never a guess."""

    occupancy: Occupancy | None = None
    at: datetime | None = None
    """When the sensor saw it, in UTC, where the device has a clock of its own; else it was seen when it was sent."""
    battery_volts: float | None = None
    battery_percent: float | None = None
    """0 to 100."""
    temperature_celsius: float | None = None
    distance_mm: int | None = None
    """To the nearest thing below or before the sensor. Error values of a device are no distance."""
    fault: str | None = None
    """What the sensor says is wrong with itself, in a few words."""
    tamper: bool | None = None
    """True when it says that it was tilted, opened or moved."""
    counter: int | None = None
    """Vehicles or changes counted, as the device counts them."""
    confidence: float | None = None
    """0 to 1, where the sensor says how sure it is of the occupancy."""
    past: tuple["Reading", ...] = ()
    """Readings of an earlier time that this frame repeats (history, retransmission), each with its `at`."""


class Undecodable(ValueError):  # noqa: N818 - the word of the glossary, and what it says at the place where it is raised
    """The frame does not follow the format of this device. Its message says what is wrong with which byte."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Whose codec this is, as `decoders list` and the generated page show it."""

    vendor: str
    model: str
    """Product names, most used first, separated by commas."""
    ports: tuple[int, ...]
    """FPorts that it understands. Empty: the device's frames look alike on every port."""
    heartbeat: timedelta | None = None
    """How often it reports without a change in its default setting, where the data sheet says so."""
    measures_distance: bool = False
    """True: occupancy comes from `distance_mm` and the installation's `occupied_below_mm` and `vacant_above_mm`."""
    lines: Mapping[str, Mapping[str, str]] = {}
    """Names of firmware lines that share the module, each beginning with the module's name, and the options they set."""
