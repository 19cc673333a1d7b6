"""A codec bound to an installation's options, which are checked once: one call per frame is all that is left."""

import difflib
import functools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from decoders import Frame, Occupancy, Reading
from decoders.readings import is_possible
from parking_gateway.decoding.codecs.codec import NO_OPTIONS, OCCUPIED_BELOW, VACANT_ABOVE, Codec, Option

Bound = Callable[[Frame], Reading]
"""A codec with its options chosen. Raises what the codec raises: `Undecodable` by contract, anything by accident."""


class BadOption(ValueError):  # noqa: N818 - the words of the rejection that it becomes
    """An option of an installation is unknown, impossible or missing. The message says what would be right."""


def bind(codec: Codec, options: Mapping[str, str] = NO_OPTIONS) -> Bound:
    """Return the codec as a function of the frame, with an installation's `options` (text, as a CSV says them) checked once.

    Raises `BadOption`. Codecs that measure a distance take two more options, in millimetres: nearer than
    `occupied_below_mm` is occupied, farther than `vacant_above_mm` is vacant, and between the two the space keeps what
    it was. Without the second, everything that is not occupied is vacant. Without both, a distance says no occupancy.
    """
    chosen = _checked(codec, options)
    below, above = chosen.pop(OCCUPIED_BELOW.name, None), chosen.pop(VACANT_ABOVE.name, None)
    decode: Bound = functools.partial(codec.decode, **chosen) if chosen else codec.decode
    if below is None and above is None:
        return decode
    if below is None:
        raise BadOption(f"{codec.name}: vacant_above_mm needs occupied_below_mm beside it")
    if below <= 0:
        raise BadOption(f"{codec.name}: occupied_below_mm must be more than 0, not {below}")
    if above is not None and above < below:
        raise BadOption(f"{codec.name}: vacant_above_mm ({above}) must not be less than occupied_below_mm ({below})")
    # Whole millimetres: "at least `below`" is "more than `below - 1`".
    return _occupancy_by_distance(decode, below=below, above=below - 1 if above is None else above)


def bind_assuming(codec: Codec, options: Mapping[str, str] = NO_OPTIONS) -> Bound:
    """Bind for a person who looks at a frame: like `bind`, with what the bare name is documented to stand for."""
    return bind(codec, {**codec.assumed, **options})


def _occupancy_by_distance(decode: Bound, *, below: int, above: int) -> Bound:
    def judged(reading: Reading) -> Reading:
        distance = reading.distance_mm
        # A distance that cannot be says nothing of the space. It is dropped later, together with other such numbers.
        if distance is None or reading.occupancy is not None or not is_possible("distance_mm", distance):
            return reading
        if distance < below:
            return msgspec.structs.replace(reading, occupancy=Occupancy.OCCUPIED)
        return msgspec.structs.replace(reading, occupancy=Occupancy.VACANT) if distance > above else reading

    def decode_and_judge(frame: Frame) -> Reading:
        reading = judged(decode(frame))
        if not reading.past:
            return reading
        return msgspec.structs.replace(reading, past=tuple(map(judged, reading.past)))

    return decode_and_judge


def _checked(codec: Codec, options: Mapping[str, str]) -> dict[str, Any]:
    for name, text in codec.presets.items():
        if options.get(name, text) != text:
            raise BadOption(f"{codec.name}: the name itself sets {name}={text}, so it cannot be {options[name]!r}")
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
                f"{codec.name} needs the option {option.name} ({option.allowed}): no payload tells it{also}"
            )
    return {name: _value(codec, known[name], text) for name, text in texts.items()}


def _value(codec: Codec, option: Option, text: str) -> Any:
    try:
        return msgspec.convert(text, option.kind, strict=False)
    except msgspec.ValidationError:
        raise BadOption(f"{codec.name}: {option.name} cannot be {text!r}, only {option.allowed}") from None
