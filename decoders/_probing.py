"""Tries the values that are no measurement: finds the bytes of a frame that carry a measurement, and writes others there."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Final, Literal, NamedTuple

import msgspec

from decoders import Device, Frame, Measured, Reading, Undecodable, readings

Outcome = Callable[[Frame], Reading | Undecodable]

DECLARED: Final = ("battery_volts", "distance_mm", "temperature_celsius")
"""The measurements that a device has to declare."""
WIDTHS: Final = (1, 2, 3, 4)
_SHARES: Final = (0.03, 0.37, 0.74, 0.97)
"""Parts of the range at which other measurements are tried."""
_SWEEP: Final = 32
"""Values, spread over all that the bytes can carry."""
_ROUNDED: Final = 0.51
"""A whole number may be rounded."""
_EXACT: Final = 1e-6
"""Other numbers have as many decimals as their step."""
_MOST_COMPLAINTS: Final = 3
"""Of one measurement of one frame; the others are alike."""

Place = tuple[tuple[Literal["channels", "past"], int], ...]
"""How a reading is reached from that of the frame. Empty: it is that of the frame."""


class Carrier(NamedTuple):
    """The bytes of a frame that carry a measurement."""

    place: Place
    start: int
    width: int
    order: Literal["little", "big"]
    raw: int
    """The number that they carry."""
    scale: float
    """Our unit for each step of the number."""
    bits: int = 0
    """How many of the low bits belong to the number. The bits above them can be flags."""

    def written(self, frame: Frame, raw: int) -> Frame:
        """Return the frame with this number, of which only as many bits are written as fit."""
        value = (raw % (1 << 8 * self.width)).to_bytes(self.width, self.order)
        payload = frame.payload[: self.start] + value + frame.payload[self.start + self.width :]
        return msgspec.structs.replace(frame, payload=payload)


def wrong_declarations(device: Device, shown: frozenset[str]) -> Iterator[str]:
    """Yield a sentence for each mistake in `DEVICE.measures`. `shown` are the fields of the device's readings."""
    # Without `DEVICE` only a distance has to be declared, because only it decides about a space.
    for name in DECLARED if device.vendor else ("distance_mm",):
        if name not in device.measures and (name in shown or (name == "distance_mm" and device.measures_distance)):
            yield f"DEVICE.measures does not declare which values of {name} are measurements"
    for name, measured in device.measures.items():
        if name not in readings.RANGES:
            yield f"DEVICE.measures has {name}, which is no measurement of a reading"
        elif not measured.lowest < measured.highest:
            yield f"DEVICE.measures has a lowest {name} of {measured.lowest} and a highest of {measured.highest}"


def thresholds(device: Device) -> Mapping[str, str]:
    """Return the options by which nearly every distance has an occupancy; none for a device that decides by itself."""
    if not device.measures_distance:
        return {}
    measured = device.measures["distance_mm"]
    between = str(round((measured.lowest + measured.highest) / 2))
    return {"occupied_below_mm": between, "vacant_above_mm": between}


def carriers(frame: Frame, outcome: Outcome, name: str, measured: Measured) -> Iterator[Carrier]:
    """Yield the bytes of a frame that carry measurements of a field. Text and packed bits are not found."""
    reading = outcome(frame)
    if isinstance(reading, Undecodable):
        return
    for place, value in _values(reading, name, ()):
        for width in WIDTHS:
            found = [
                one for one in _windows(frame, place, value, width) if _carries(one, frame, outcome, name, measured)
            ]
            if found:
                yield from (one._replace(bits=_bits(one, frame, outcome, name)) for one in found)
                break  # wider ones contain bytes of another field


def complaints(frame: Frame, outcome: Outcome, device: Device) -> Iterator[str]:
    """Yield a sentence for each value that is no measurement by the device's declaration and by its codec is one."""
    for name, measured in device.measures.items():
        strict = name == "distance_mm" and device.measures_distance
        for carrier in carriers(frame, outcome, name, measured):
            others = (carrier.written(frame, raw) for raw in _tried(carrier, measured))
            found = (
                f"{wrong}, from {other.payload.hex()} on port {other.port}"
                for other in others
                for wrong in _wrong(outcome(other), carrier.place, name, strict=strict)
            )
            yield from islice(found, _MOST_COMPLAINTS)


def _values(reading: Reading, name: str, place: Place) -> Iterator[tuple[Place, float]]:
    value = getattr(reading, name)
    if value:
        yield place, value
    for number, one in (reading.channels or {}).items():
        yield from _values(one, name, (*place, ("channels", number)))
    for index, one in enumerate(reading.past):
        yield from _values(one, name, (*place, ("past", index)))


def _at(reading: Reading | Undecodable, place: Place) -> Reading | None:
    """Return the reading at this place. A stored reading that is no measurement may be missing."""
    if isinstance(reading, Undecodable):
        return None
    for kind, key in place:
        try:
            reading = (reading.channels or {})[key] if kind == "channels" else reading.past[key]
        except LookupError:
            return None
    return reading


def _windows(frame: Frame, place: Place, value: float, width: int) -> Iterator[Carrier]:
    for start in range(len(frame.payload) - width + 1):
        word = frame.payload[start : start + width]
        for order in ("little", "big") if width > 1 else ("big",):
            raw = int.from_bytes(word, order, signed=value < 0)
            if raw:
                yield Carrier(place, start, width, order, raw, value / raw)


def _carries(carrier: Carrier, frame: Frame, outcome: Outcome, name: str, measured: Measured) -> bool:
    """Return whether other measurements that are written there are read. They differ in each byte, so none fits by chance."""
    span = measured.highest - measured.lowest
    raws = {round((measured.lowest + share * span) / carrier.scale) for share in _SHARES} - {carrier.raw}
    size = 1 << 8 * carrier.width
    if len(raws) < len(_SHARES) - 1 or not all(-size // 2 <= raw < size for raw in raws):
        return False
    return all(_reads(carrier, frame, outcome, name, raw) for raw in raws)


def _bits(carrier: Carrier, frame: Frame, outcome: Outcome, name: str) -> int:
    known = _read(carrier, frame, outcome, name, carrier.raw)
    bits = range(8 * carrier.width)
    changing = (bit for bit in bits if _read(carrier, frame, outcome, name, carrier.raw ^ (1 << bit)) != known)
    return 1 + max(changing, default=0)


def _read(carrier: Carrier, frame: Frame, outcome: Outcome, name: str, raw: int) -> float | None:
    reading = _at(outcome(carrier.written(frame, raw)), carrier.place)
    value: float | None = None if reading is None else getattr(reading, name)
    return value


def _reads(carrier: Carrier, frame: Frame, outcome: Outcome, name: str, raw: int) -> bool:
    value = _read(carrier, frame, outcome, name, raw)
    return value is not None and abs(value - raw * carrier.scale) <= (_ROUNDED if name in readings.WHOLE else _EXACT)


def _tried(carrier: Carrier, measured: Measured) -> Iterator[int]:
    """Yield numbers that are no measurement, as both signed and unsigned ones: errors, the next ones beyond the bounds, a sweep."""
    size = 1 << carrier.bits
    step = abs(carrier.scale)
    wanted = (*measured.errors, measured.lowest - step, measured.highest + step)
    numbers = [
        *(round(one / carrier.scale) for one in wanted),
        *range(0, size, max(1, size // _SWEEP)),
        size - 1,
        size // 2 - 1,
    ]
    for raw in dict.fromkeys(one % size for one in numbers if -size // 2 <= one < size):
        if not any(_is_measurement(one * carrier.scale, measured) for one in (raw, raw - size)):
            yield raw


def _is_measurement(value: float, measured: Measured) -> bool:
    slack = 1e-6
    if any(abs(value - one) < slack for one in measured.errors):
        return False
    return measured.lowest - slack <= value <= measured.highest + slack


def _wrong(outcome: Reading | Undecodable, place: Place, name: str, *, strict: bool) -> Iterator[str]:
    reading = _at(outcome, place)
    if reading is None or isinstance(outcome, Undecodable):
        return
    if (value := getattr(reading, name)) is not None:
        yield f"{name} is {value}, which is no measurement"
    elif strict and reading.occupancy is not None:
        yield f"without a {name}, the frame is {reading.occupancy}"
    elif strict and not (_explained(reading) or _explained(outcome) or any(kind == "past" for kind, _ in place)):
        yield f"without a {name}, the frame has neither a fault nor tamper"


def _explained(reading: Reading) -> bool:
    return reading.fault is not None or reading.tamper is True
