"""Where codecs lie: installed packages, modules of `decoders`, and files of a folder. Returns functions that load them."""

import functools
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import decoders
from parking_gateway.decoding import declared
from parking_gateway.decoding.codecs.guest_codec import GuestCodec

ENTRY_POINTS: Final = "parking_gateway.decoders"
"""The entry point group for codecs of installed packages: `name = "package.module"`."""
DECLARED: Final = (".toml", ".js")


def loader(stem: str, dropins: Path | None) -> functools.partial[Any] | None:
    """Return the function that loads the module of that name, or None. A function outside `OURS` starts a process."""
    if stem in installed():
        return functools.partial(GuestCodec, installed()[stem])
    if importlib.util.find_spec(f"decoders.{stem}"):
        return functools.partial(importlib.import_module, f"decoders.{stem}")
    return None if dropins is None else in_folder(stem, dropins)


def in_folder(stem: str, dropins: Path) -> functools.partial[Any] | None:
    """Return the function that loads the codec of that name in this folder, or None."""
    file = dropins / f"{stem}.py"
    if _is_file(file):
        return functools.partial(GuestCodec, file)
    declaration = file.with_suffix(".toml")
    if _is_file(file.with_suffix(".js")):
        return functools.partial(_load_script, declaration)
    return functools.partial(declared.load, declaration) if _is_file(declaration) else None


def _load_script(declaration: Path) -> Any:
    """Load a declared codec with a script, which is a guest."""
    return declared.load(declaration)


OURS: Final = (importlib.import_module, declared.load)
"""The functions that load trusted code."""


def stems(dropins: Path | None) -> set[str]:
    """Return the names of all modules of codecs, without firmware lines."""
    modules = {module.name for module in pkgutil.iter_modules(decoders.__path__)}
    files = {file.stem for file in _listed(dropins) if file.suffix in {".py", *DECLARED}} if dropins else set()
    return {stem for stem in modules | files | set(installed()) if not stem.startswith("_")}


def _is_file(file: Path) -> bool:
    return os.path.isfile(file)  # noqa: PTH113 - also False without permission, or when the folder's disk does not respond


def _listed(folder: Path) -> list[Path]:
    """Return the files of a folder; none while it is not mounted or not readable."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


@functools.cache
def installed() -> Mapping[str, importlib.metadata.EntryPoint]:
    """Return the entry points of installed packages, by the names of their codecs."""
    points = importlib.metadata.entry_points(group=ENTRY_POINTS)
    return {point.name.lower().replace("-", "_"): point for point in points}
