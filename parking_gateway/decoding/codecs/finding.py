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
import os
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

import decoders
from decoders import Device, Reading
from parking_gateway.decoding import declared
from parking_gateway.decoding.codecs import failures
from parking_gateway.decoding.codecs.codec import NO_OPTIONS, OCCUPIED_BELOW, VACANT_ABOVE, Codec, Option
from parking_gateway.decoding.codecs.foreign import ForeignCodec
from parking_gateway.decoding.guests.process import Stopped

ENTRY_POINTS: Final = "parking_gateway.decoders"
"""The group in which installed packages announce codecs: `name = "package.module"`."""

_DECLARED: Final = (".toml", ".js")


class CodecNotFound(LookupError):  # noqa: N818 - the words of the rejection that it becomes
    """No codec goes by that name, or what goes by it is no codec. The message says which, and the nearest name."""


class CodecBroken(CodecNotFound):
    """The name is right, and what it names cannot be used: a mistake in a file, or a package that lacks something."""


class CodecStopped(CodecBroken):
    """The codec of that name is a guest, and its process gave no answer. It may give one the next time."""


def find(name: str, *, dropins: Path | None = None) -> Codec:
    """Return the codec of that name. Raises `CodecNotFound`.

    A codec that was found is kept, files of `dropins` too. One that was not found is looked for again.
    """
    return _find(_normal(name), dropins)


def has_appeared(name: str, *, dropins: Path | None = None) -> bool:
    """Whether a codec goes by a name that was not found before. Unlike `find` it loads no other codec, to be cheap."""
    try:
        return _look_for(_normal(name), dropins) is not None
    except CodecNotFound:
        return False


def has_guests(dropins: Path | None) -> bool:
    """Say whether there can be codecs of others: a drop-in folder, or installed packages that announce some."""
    return dropins is not None or bool(_installed())


def guest_of(name: str, *, dropins: Path | None) -> str | None:
    """Return the name of the guest that is run when this codec is looked for or asked, which takes time.

    None: it is a codec of ours. Empty: no codec has that name yet, and a file of others may have it at any time.
    """
    if not has_guests(dropins):
        return None
    try:
        return _guest_of(_normal(name), dropins)
    except CodecNotFound:
        return ""


@functools.lru_cache(maxsize=1024)
def _guest_of(wanted: str, dropins: Path | None) -> str | None:
    for stem in _stems_of(wanted):
        load = _loader(stem, dropins)
        if load is not None and load.func not in _OURS:
            return stem
        if load is not None and (wanted == stem or wanted in _codec(stem, load).device.lines):
            return None
    raise CodecNotFound(wanted)  # which is not kept


@functools.lru_cache(maxsize=1024)
def _find(wanted: str, dropins: Path | None) -> Codec:
    codec = _look_for(wanted, dropins)
    if codec is not None:
        return codec
    known = _names_at_hand(dropins)
    near = difflib.get_close_matches(wanted, known, n=1) or [name for name in known if wanted in name]
    hint = f"; did you mean {near[0]}?" if near else "; `parking-gateway decoders list` lists all"
    raise CodecNotFound(f"no codec is named {wanted}{hint}")


def _look_for(wanted: str, dropins: Path | None) -> Codec | None:
    for stem in _stems_of(wanted):
        load = _loader(stem, dropins)
        if load is None:
            continue
        codec = _codec(stem, load)
        if stem == wanted:
            return codec
        if wanted in codec.device.lines:
            return msgspec.structs.replace(codec, name=wanted, presets=codec.device.lines[wanted], assumed=NO_OPTIONS)
    return None


def _stems_of(wanted: str) -> Iterator[str]:
    words = wanted.split("_")
    return ("_".join(words[:length]) for length in range(len(words), 0, -1))


def _names_at_hand(dropins: Path | None) -> list[str]:
    """Names to guess at without running a guest: of our codecs and their firmware lines, and of the files of others."""
    stems = _stems(dropins)
    ours = {stem for stem in stems if guest_of(stem, dropins=dropins) is None}
    return sorted(stems - ours | {name for stem in ours for name in _names_of(stem, dropins)})


def names(*, dropins: Path | None = None) -> tuple[str, ...]:
    """Return the names of all codecs and of their firmware lines, sorted. Imports all of them."""
    return tuple(sorted(name for stem in _stems(dropins) for name in _names_of(stem, dropins)))


def _names_of(stem: str, dropins: Path | None) -> set[str]:
    load = _loader(stem, dropins)
    try:
        return {stem, *_codec(stem, load).device.lines} if load else set()
    except CodecNotFound:
        return set()


def modules(*, dropins: Path | None = None) -> tuple[Codec, ...]:
    """Return all codecs by their own names, sorted: a firmware line is in its module's. Imports all of them."""
    stems = sorted({find(name, dropins=dropins).module for name in names(dropins=dropins)})
    return tuple(find(stem, dropins=dropins) for stem in stems)


def _normal(name: str) -> str:
    wanted = name.strip().lower().replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{,99}", wanted):
        raise CodecNotFound(
            f"{name[:100]!r} is no name of a codec: it is up to 100 letters, digits, - and _, and begins with a letter"
        )
    return wanted


def _codec(stem: str, load: functools.partial[Any]) -> Codec:
    if load.func in _OURS:
        return _loaded(stem, load)
    (source,) = load.args
    failures.raise_known(source)
    try:
        return _loaded(stem, load)
    except CodecBroken as mistake:
        failures.remember(source, mistake)
        raise


def _loaded(stem: str, load: Callable[[], Any]) -> Codec:
    try:
        module = load()
        device, decode = getattr(module, "DEVICE", None), getattr(module, "decode", None)
        options = getattr(module, "OPTIONS", None) or (tuple(_parameters(decode)) if callable(decode) else ())
    except declared.Unusable as mistake:
        raise CodecBroken(f"the codec {stem} cannot be loaded: {mistake}") from None
    except Stopped as stopped:
        raise CodecStopped(f"the codec {stem} was stopped while it was loaded: {stopped}") from None
    except Exception as error:  # codecs are guests, and a guest can break in any way while it is imported
        raise CodecBroken(f"the codec {stem} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(device, Device) or not callable(decode):
        raise CodecBroken(f"{stem} is no codec: it lacks DEVICE or decode")
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


def _loader(stem: str, dropins: Path | None) -> functools.partial[Any] | None:
    """Return what loads the module of that name, or None where there is none. What is not of `_OURS` starts a process."""
    if stem in _installed():
        return functools.partial(ForeignCodec, _installed()[stem])
    if importlib.util.find_spec(f"decoders.{stem}"):
        return functools.partial(importlib.import_module, f"decoders.{stem}")
    if dropins is None:
        return None
    file = dropins / f"{stem}.py"
    if _is_file(file):
        return functools.partial(ForeignCodec, file)
    declaration = file.with_suffix(".toml")
    if _is_file(file.with_suffix(".js")):
        return functools.partial(_load_script, declaration)
    return functools.partial(declared.load, declaration) if _is_file(declaration) else None


def _load_script(declaration: Path) -> Any:
    """Load a declared codec with a script, which is a guest."""
    return declared.load(declaration)


_OURS: Final = (importlib.import_module, declared.load)
"""What loads code that is trusted."""


def _stems(dropins: Path | None) -> set[str]:
    modules = {module.name for module in pkgutil.iter_modules(decoders.__path__)}
    files = {file.stem for file in _listed(dropins) if file.suffix in {".py", *_DECLARED}} if dropins else set()
    return {stem for stem in modules | files | set(_installed()) if not stem.startswith("_")}


def _is_file(file: Path) -> bool:
    return os.path.isfile(file)  # noqa: PTH113 - False also where we may not look, or the folder's disk does not answer


def _listed(folder: Path) -> list[Path]:
    """What lies in the folder: nothing while it is not mounted, or closed to us."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


@functools.cache
def _installed() -> Mapping[str, importlib.metadata.EntryPoint]:
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return {point.name.lower().replace("-", "_"): point for point in points}
