"""Finding a codec by its name.

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
from typing import Any, Final, get_type_hints

import msgspec

import decoders
from decoders import Device, Reading
from parking_gateway import declared
from parking_gateway.codecs.codec import NO_OPTIONS, OCCUPIED_BELOW, VACANT_ABOVE, Codec, Option

ENTRY_POINTS: Final = "parking_gateway.decoders"
"""The group in which installed packages announce codecs: `name = "package.module"`."""

_DECLARED: Final = (".toml", ".js")


class CodecNotFound(LookupError):  # noqa: N818 - the words of the rejection that it becomes
    """No codec goes by that name, or what goes by it is no codec. The message says which, and the nearest name."""


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
