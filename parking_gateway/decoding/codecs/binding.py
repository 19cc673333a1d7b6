"""Binds a codec to the options of an installation. They are checked once, so a frame costs one call."""

import difflib
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from decoders import Frame, Measured, Occupancy, Reading
from decoders.measuring import number
from decoders.readings import RANGES
from parking_gateway.decoding.codecs.codec import NO_OPTIONS, OCCUPIED_BELOW, VACANT_ABOVE, Codec, Option

Bound = Callable[[Frame], Reading]
"""A codec with its options. Raises `Undecodable` for a frame that it refuses. A broken codec raises any exception."""


class BadOption(ValueError):  # noqa: N818 - the word of the rejection that it becomes
    """An option of an installation is unknown, impossible or missing. The message names the correct values."""


def bind(codec: Codec, options: Mapping[str, str] = NO_OPTIONS) -> Bound:
    """Return the codec as a function of the frame. `options` are those of an installation, as text. Raises `BadOption`.

    A codec that measures a distance has two more options, in millimetres. A distance below `occupied_below_mm` is occupied.
    A distance above `vacant_above_mm` is vacant. Between them the reading has no occupancy. Without `vacant_above_mm`,
    every other distance is vacant. Without both, a distance gives no occupancy. Whatever a codec returns, neither a distance
    beyond the measurements of its device nor that of a sensor that was moved gives one.
    """
    chosen = _checked(codec, options)
    below, above = chosen.pop(OCCUPIED_BELOW.name, None), chosen.pop(VACANT_ABOVE.name, None)
    decode: Bound = functools.partial(codec.decode, **chosen) if chosen else codec.decode
    if below is None and above is None:
        return decode
    if below is None:
        raise BadOption(f"{codec.name}: vacant_above_mm also needs occupied_below_mm")
    if below <= 0:
        raise BadOption(f"{codec.name}: occupied_below_mm must be more than 0, not {below}")
    if above is not None and above < below:
        raise BadOption(f"{codec.name}: vacant_above_mm ({above}) must not be less than occupied_below_mm ({below})")
    # Distances are whole millimetres: "at least `below`" is "more than `below - 1`".
    measured = codec.device.measures.get("distance_mm", _ANY_DISTANCE)
    return _occupancy_by_distance(decode, measured, below=below, above=below - 1 if above is None else above)


def bind_assuming(codec: Codec, options: Mapping[str, str] = NO_OPTIONS) -> Bound:
    """Bind like `bind`, for a person who inspects a frame: the bare name stands for its documented options."""
    return bind(codec, {**codec.assumed, **options})


_ANY_DISTANCE: Final = Measured(lowest=RANGES["distance_mm"][0], highest=RANGES["distance_mm"][1])
"""Of a device that declares none. Other distances are dropped later, together with other impossible numbers."""


def _occupancy_by_distance(decode: Bound, measured: Measured, *, below: int, above: int) -> Bound:
    def with_occupancy(reading: Reading) -> Reading:
        distance = reading.distance_mm
        if distance is None or reading.occupancy is not None or number(distance, measured) is None:
            return reading
        if distance < below:
            return msgspec.structs.replace(reading, occupancy=Occupancy.OCCUPIED)
        return msgspec.structs.replace(reading, occupancy=Occupancy.VACANT) if distance > above else reading

    def with_occupancies(reading: Reading) -> Reading:
        if reading.tamper:
            return reading
        if not reading.channels:
            return with_occupancy(reading)
        by_channel = {number: with_occupancy(one) for number, one in reading.channels.items()}
        return msgspec.structs.replace(with_occupancy(reading), channels=by_channel)

    def decode_with_occupancy(frame: Frame) -> Reading:
        reading = with_occupancies(decode(frame))
        if not reading.past:
            return reading
        return msgspec.structs.replace(reading, past=tuple(map(with_occupancies, reading.past)))

    return decode_with_occupancy


def _checked(codec: Codec, options: Mapping[str, str]) -> dict[str, Any]:
    for name, text in codec.presets.items():
        if options.get(name, text) != text:
            raise BadOption(
                f"{codec.name}: the name itself sets {name}={text}, so the option cannot be {options[name]!r}"
            )
    texts = {**codec.presets, **options}
    known = {option.name: option for option in codec.options}
    for name in sorted(texts.keys() - known.keys()):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(known) or 'none'}"
        raise BadOption(f"{codec.name} has no option {name}{hint}")
    for option in codec.options:
        if option.required and option.name not in texts:
            lines = sorted(line for line in codec.device.lines if line != codec.name)
            also = f", or use a name that sets it: {', '.join(lines)}" if lines else ""
            raise BadOption(
                f"{codec.name} needs the option {option.name} ({option.allowed}), because no payload contains it{also}"
            )
    return {name: value_of(codec, known[name], text) for name, text in texts.items()}


def value_of(codec: Codec, option: Option, text: str) -> Any:
    """Return the value of an option. Raises `BadOption`."""
    try:
        return msgspec.convert(text, option.kind, strict=False)
    except msgspec.ValidationError:
        raise BadOption(f"{codec.name}: {option.name} cannot be {text!r}, only {option.allowed}") from None
