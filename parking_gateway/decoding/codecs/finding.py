"""Finds a codec by its name.

A name is looked up as an installed entry point, then as a module of `decoders`, then as a file of the operator's drop-in
folder. Letter case does not matter, and `-` equals `_`. The name of a firmware line begins with the name of its module, so
the longest module name at the beginning decides, and no other module is imported.
"""

import difflib
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from decoders import Device
from parking_gateway.decoding import declared
from parking_gateway.decoding.codecs import unloadable
from parking_gateway.decoding.codecs.codec import NO_OPTIONS, OCCUPIED_BELOW, VACANT_ABOVE, Codec, parameters_of
from parking_gateway.decoding.codecs.sources import DECLARED, OURS, in_folder, installed, loader, stems
from parking_gateway.decoding.codecs.version import version_of
from parking_gateway.decoding.guests.process import GuestStopped


class CodecNotFound(LookupError):  # noqa: N818 - the word of the rejection that it becomes
    """There is no codec of that name, or the module of that name is no codec. The message contains the nearest name."""


class CodecBroken(CodecNotFound):
    """The codec of that name cannot be loaded: a mistake in its file, or a package without something it needs."""


class CodecStopped(CodecBroken):
    """The codec of that name is a guest, and its process did not reply. The next attempt may succeed."""


def find(name: str, *, dropins: Path | None = None) -> Codec:
    """Return the codec of that name. Raises `CodecNotFound`.

    A found codec is kept, also one from `dropins`. A codec that was not found is looked up again the next time.
    """
    return _find(_valid(name), dropins)


def load(file: Path) -> Codec:
    """Return the codec of a file that need not be in the drop-in folder, such as the next version of one. Raises `CodecNotFound`.

    Its name may be that of a codec of ours: this one is returned all the same.
    """
    stem = _valid(file.stem)
    loads = in_folder(stem, file.parent) if file.suffix in {".py", *DECLARED} else None
    if loads is None:
        raise CodecNotFound(
            f"{file} is no codec: it has to be a file NAME.py, NAME.toml or NAME.js, its name in lower case with _"
        )
    return _codec(stem, loads)


def forget() -> None:
    """Forget the codecs that were found. The process of a guest ends once no frame needs it any more."""
    _find.cache_clear()
    _guest_of.cache_clear()


def has_appeared(name: str, *, dropins: Path | None = None) -> bool:
    """Return whether there is now a codec of a name that was not found before. Loads no other codec, because that is slow."""
    try:
        return _look_for(_valid(name), dropins) is not None
    except CodecNotFound:
        return False


def has_guests(dropins: Path | None) -> bool:
    """Return whether there can be guests: there is a drop-in folder, or an installed package with codecs."""
    return dropins is not None or bool(installed())


def guest_of(name: str, *, dropins: Path | None) -> str | None:
    """Return the name of the guest that finding or using this codec runs, which takes time.

    None: it is a codec of ours. Empty: no codec has that name, but a file of that name may appear at any time.
    """
    if not has_guests(dropins):
        return None
    try:
        return _guest_of(_valid(name), dropins)
    except CodecNotFound:
        return ""


@functools.lru_cache(maxsize=1024)
def _guest_of(wanted: str, dropins: Path | None) -> str | None:
    for stem in _stems_of(wanted):
        load = loader(stem, dropins)
        if load is not None and load.func not in OURS:
            return stem
        if load is not None and (wanted == stem or wanted in _codec(stem, load).device.lines):
            return None
    raise CodecNotFound(wanted)  # an exception is not cached


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
        load = loader(stem, dropins)
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
    """Return the names to suggest, without running a guest: our codecs, their firmware lines, and the files of guests."""
    known = stems(dropins)
    ours = {stem for stem in known if guest_of(stem, dropins=dropins) is None}
    return sorted(known - ours | {name for stem in ours for name in _names_of(stem, dropins)})


def names(*, dropins: Path | None = None) -> tuple[str, ...]:
    """Return the names of all codecs and of their firmware lines, sorted. Imports all of them."""
    return tuple(sorted(name for stem in stems(dropins) for name in _names_of(stem, dropins)))


def _names_of(stem: str, dropins: Path | None) -> set[str]:
    load = loader(stem, dropins)
    try:
        return {stem, *_codec(stem, load).device.lines} if load else set()
    except CodecNotFound:
        return set()


def modules(*, dropins: Path | None = None) -> tuple[Codec, ...]:
    """Return all codecs, sorted by name, without firmware lines. Imports all of them."""
    stems = sorted({find(name, dropins=dropins).module for name in names(dropins=dropins)})
    return tuple(find(stem, dropins=dropins) for stem in stems)


def normal(name: str) -> str:
    """Return the one spelling of all those that mean the same codec. Any text has one, also if it can name no codec."""
    return name.strip().lower().replace("-", "_")


def _valid(name: str) -> str:
    wanted = normal(name)
    if not re.fullmatch(r"[a-z][a-z0-9_]{,99}", wanted):
        raise CodecNotFound(
            f"{name[:100]!r} is no name of a codec: a name has up to 100 letters, digits, - and _, and begins with a letter"
        )
    return wanted


def _codec(stem: str, load: functools.partial[Any]) -> Codec:
    if load.func in OURS:
        return _loaded(stem, load)
    (source,) = load.args
    unloadable.raise_again(source)
    try:
        return _loaded(stem, load)
    except CodecBroken as mistake:
        unloadable.remember(source, mistake)
        raise


def _loaded(stem: str, load: functools.partial[Any]) -> Codec:
    try:
        module = load()
        device, decode = getattr(module, "DEVICE", None), getattr(module, "decode", None)
        options = getattr(module, "OPTIONS", None) or (tuple(parameters_of(decode)) if callable(decode) else ())
    except declared.Unusable as mistake:
        raise CodecBroken(f"the codec {stem} cannot be loaded: {mistake}") from None
    except GuestStopped as stopped:
        raise CodecStopped(f"the codec {stem} was stopped while it was loaded: {stopped}") from None
    except Exception as error:  # a codec can break in any way while it is imported
        raise CodecBroken(f"the codec {stem} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(device, Device) or not callable(decode):
        raise CodecBroken(f"{stem} is no codec: it lacks DEVICE or decode")
    if device.measures_distance:
        options += (OCCUPIED_BELOW, VACANT_ABOVE)
    assumed = device.lines.get(stem, NO_OPTIONS)
    commands = getattr(module, "COMMANDS", {})
    return Codec(
        name=stem,
        module=stem,
        device=device,
        decode=decode,
        options=options,
        commands=commands,
        assumed=assumed,
        version=version_of(load.args[0]),
    )
