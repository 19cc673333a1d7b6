"""Finding a codec by its name, and binding it to an installation's options so that one call per frame is all that is left.

A name is looked up as an installed entry point, else as a module of `decoders`, else as a file of the operator's drop-in
folder; letter case does not matter and `-` is `_`. Names of firmware lines begin with their module's name, so the longest
module name that a name begins with decides, and nothing else is imported.
"""

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

import decoders
from decoders import Device, Frame, Occupancy, Reading
from parking_gateway import declared

ENTRY_POINTS: Final = "parking_gateway.decoders"
"""The group in which installed packages announce codecs: `name = "package.module"`."""

Bound = Callable[[Frame], Reading]
"""A codec with its options chosen. Raises what the codec raises: `Undecodable` by contract, anything by accident."""

NO_OPTIONS: Final[Mapping[str, str]] = {}

_DECLARED: Final = (".toml", ".js")


class CodecNotFound(LookupError):  # noqa: N818 - the words of the rejection that it becomes
    """No codec goes by that name, or what goes by it is no codec. The message says which, and the nearest name."""


class BadOption(ValueError):  # noqa: N818 - as above
    """An option of an installation is unknown, impossible or missing. The message says what would be right."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a payload cannot tell and a person may or must choose."""

    name: str
    kind: Any
    """int, float, bool, str or a Literal of words."""
    required: bool

    @property
    def allowed(self) -> str:
        """What may be written, in words."""
        if get_origin(self.kind) is Literal:
            return " or ".join(str(choice) for choice in get_args(self.kind))
        return {int: "a whole number", float: "a number", bool: "true or false"}.get(self.kind, "text")


OCCUPIED_BELOW: Final = Option(name="occupied_below_mm", kind=int, required=False)
VACANT_ABOVE: Final = Option(name="vacant_above_mm", kind=int, required=False)


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """A way to read one device's frames, before its options are chosen."""

    name: str
    module: str
    """The name of its module, which firmware lines share."""
    device: Device
    decode: Callable[..., Reading]
    options: tuple[Option, ...]
    """What an installation may set: the keyword-only parameters of `decode`, and the two thresholds for distances."""
    presets: Mapping[str, str] = NO_OPTIONS
    """What the name of a firmware line has set already."""
    assumed: Mapping[str, str] = NO_OPTIONS
    """What the bare name stands for when a person looks at a single frame. An installation has to choose itself."""


def find(name: str, *, dropins: Path | None = None) -> Codec:
    """Return the codec of that name. Raises `CodecNotFound`. What was found once is kept, files of `dropins` too."""
    wanted = name.strip().lower().replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{,99}", wanted):
        raise CodecNotFound(
            f"{name[:100]!r} is no name of a codec: it is up to 100 letters, digits, - and _, and begins with a letter"
        )
    return _find(wanted, dropins)


@functools.lru_cache(maxsize=1024)
def _find(wanted: str, dropins: Path | None) -> Codec:
    words = wanted.split("_")
    for length in range(len(words), 0, -1):
        stem = "_".join(words[:length])
        load = _loader(stem, dropins)
        if load is None:
            continue
        codec = _codec(stem, load)
        if stem == wanted:
            return codec
        if wanted in codec.device.lines:
            return msgspec.structs.replace(codec, name=wanted, presets=codec.device.lines[wanted], assumed=NO_OPTIONS)
    known = names(dropins=dropins)
    near = difflib.get_close_matches(wanted, known, n=1) or [name for name in known if wanted in name]
    hint = f"; did you mean {near[0]}?" if near else "; `parking-gateway decoders list` lists all"
    raise CodecNotFound(f"no codec is named {wanted}{hint}")


def names(*, dropins: Path | None = None) -> tuple[str, ...]:
    """Return the names of all codecs and of their firmware lines, sorted. Imports all of them."""
    found = set()
    for stem in _stems(dropins):
        load = _loader(stem, dropins)
        try:
            codec = _codec(stem, load) if load else None
        except CodecNotFound:
            continue
        if codec:
            found |= {stem, *codec.device.lines}
    return tuple(sorted(found))


def modules(*, dropins: Path | None = None) -> tuple[Codec, ...]:
    """Return all codecs by their own names, sorted: a firmware line is in its module's. Imports all of them."""
    stems = sorted({find(name, dropins=dropins).module for name in names(dropins=dropins)})
    return tuple(find(stem, dropins=dropins) for stem in stems)


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
        if distance is None or reading.occupancy is not None:
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


def _codec(stem: str, load: Callable[[], Any]) -> Codec:
    try:
        module = load()
        device, decode = getattr(module, "DEVICE", None), getattr(module, "decode", None)
        options = tuple(_parameters(decode)) if callable(decode) else ()
    except declared.Unusable as mistake:
        raise CodecNotFound(f"the codec {stem} cannot be loaded: {mistake}") from None
    except Exception as error:  # codecs are guests, and a guest can break in any way while it is imported
        raise CodecNotFound(f"the codec {stem} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(device, Device) or not callable(decode):
        raise CodecNotFound(f"{stem} is no codec: it lacks DEVICE or decode")
    if device.measures_distance:
        options += (OCCUPIED_BELOW, VACANT_ABOVE)
    assumed = device.lines.get(stem, NO_OPTIONS)
    return Codec(name=stem, module=stem, device=device, decode=decode, options=options, assumed=assumed)


def _parameters(decode: Callable[..., Reading]) -> Iterator[Option]:
    hints = get_type_hints(decode)
    for parameter in inspect.signature(decode).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            yield Option(
                name=parameter.name,
                kind=hints.get(parameter.name, str),
                required=parameter.default is parameter.empty,
            )


def _loader(stem: str, dropins: Path | None) -> Callable[[], Any] | None:
    """Return what imports the module of that name, or None where there is none."""
    if stem in _installed():
        return _installed()[stem].load
    if importlib.util.find_spec(f"decoders.{stem}"):
        return functools.partial(importlib.import_module, f"decoders.{stem}")
    if dropins is None:
        return None
    file = dropins / f"{stem}.py"
    if file.is_file():
        return functools.partial(_import_file, file)
    is_declared = any(file.with_suffix(suffix).is_file() for suffix in _DECLARED)
    return functools.partial(declared.load, file.with_suffix(".toml")) if is_declared else None


def _stems(dropins: Path | None) -> set[str]:
    modules = {module.name for module in pkgutil.iter_modules(decoders.__path__)}
    files = {file.stem for file in dropins.glob("*") if file.suffix in {".py", *_DECLARED}} if dropins else set()
    return {stem for stem in modules | files | set(_installed()) if not stem.startswith("_")}


@functools.cache
def _installed() -> Mapping[str, importlib.metadata.EntryPoint]:
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return {point.name.lower().replace("-", "_"): point for point in points}


def _import_file(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"dropin_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
