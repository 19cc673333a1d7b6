"""The whole contract between a device and the gateway: the input, the result and the exception of a codec.

A codec is a module beside this one. Its docstring is the device's data sheet. Its `DEVICE` names the vendor and the model.
Its `decode(frame)` turns one `Frame` into one `Reading`. A fact that no payload contains, such as the firmware line, is a
keyword-only parameter of `decode`. A parameter without a default has to be chosen by a person. Codecs import nothing of
the gateway.

A codec may have `COMMANDS`: functions by name, each of which returns the port and the bytes of a downlink. The keyword-only
parameters of such a function are the options of the command. It raises `ValueError` for an impossible value.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec


class Occupancy(StrEnum):
    """The occupancy of a space as a sensor reports it. `None` stands for a frame without an occupancy."""

    VACANT = "vacant"
    OCCUPIED = "occupied"


class Frame(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decrypted LoRaWAN application payload: all that a codec receives."""

    port: int
    """FPort, 1 to 255. Frames of port 0 carry MAC commands and are never decoded."""
    payload: bytes
    received_at: datetime
    """When the network received the frame, in UTC. Some devices count time backwards from the transmission."""
    object: Mapping[str, Any] | None = None
    """The output of the network server's own codec, if it has one. Some codecs translate it."""


class Reading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The content of one frame. `None` means that the frame does not contain the field. A field is never a guess."""

    occupancy: Occupancy | None = None
    at: datetime | None = None
    """When the sensor measured, in UTC, if the device has a clock. Otherwise it measured when it sent the frame."""
    battery_volts: float | None = None
    battery_percent: float | None = None
    """0 to 100."""
    temperature_celsius: float | None = None
    distance_mm: int | None = None
    """To the nearest thing below or before the sensor. Error values of a device are no distance."""
    fault: str | None = None
    """What is wrong with the sensor, by its own report, in a few words."""
    tamper: bool | None = None
    """True if the sensor reports that it was tilted, opened or moved."""
    counter: int | None = None
    """Vehicles or changes, as the device counts them."""
    confidence: float | None = None
    """How sure the sensor is of the occupancy, 0 to 1."""
    counter_in: int | None = None
    """Vehicles that drove in, in total since the counter began. It may begin again at 0."""
    counter_out: int | None = None
    """Vehicles that drove out, in the same way."""
    channels: Mapping[int, "Reading"] | None = None
    """The readings of a device with several sensors, by their numbers. What a sensor shares with the others, such as the battery,
    stands outside only."""
    past: tuple["Reading", ...] = ()
    """Earlier readings that this frame repeats (history, retransmission), each with its `at`."""


class Undecodable(ValueError):  # noqa: N818 - the word of the glossary, which reads well where it is raised
    """The frame does not follow the format of this device. The message names the byte and what is wrong with it."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of one quantity that a sensor can make, in our units, by its data sheet."""

    lowest: float
    """The bounds are measurements."""
    highest: float
    errors: tuple[float, ...] = ()
    """Values between or beyond the bounds that are no measurement: no echo, a sensor that failed."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """The device of a codec, as `decoders list` and the generated page show it."""

    vendor: str
    model: str
    """Product names, most used first, separated by commas."""
    ports: tuple[int, ...]
    """The FPorts that the codec decodes. Empty: the device's frames look alike on every port."""
    heartbeat: timedelta | None = None
    """How often the device reports without a change, in its default setting. None: the data sheet does not state it."""
    low_battery_volts: float | None = None
    """At this voltage or below the battery is low. None: the data sheet does not state it, or the device reports percent."""
    measures_distance: bool = False
    """True: occupancy comes from `distance_mm` and the installation's `occupied_below_mm` and `vacant_above_mm`."""
    measures: Mapping[str, Measured] = {}
    """Its measurements, by the field of `Reading`. No other value of the frame is one: see `decoders.measuring`."""
    channels: tuple[int, ...] = ()
    """The numbers of its sensors, if it has several. Empty: it has one, and its frames are its reading."""
    lines: Mapping[str, Mapping[str, str]] = {}
    """Firmware lines that share the module, and the options that they set. Each name begins with the module's name."""


Command = Callable[..., tuple[int, bytes]]
"""A function from the options of a command to the port and the bytes of its downlink."""
