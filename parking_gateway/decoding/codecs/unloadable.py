"""Guests that could not be loaded. Commands remember them, because each attempt can take seconds.

A command finds the codec of each device. Without this module, one guest that hangs would keep `doctor --devices` busy for
half an hour, and an import of spaces would hold its locks as long. The gateway itself tries again, within the budget of a
guest.
"""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

CodecSource = Path | EntryPoint

_SUFFIXES: Final = (".py", ".toml", ".js")
_known: dict[CodecSource, tuple[list[int], Exception]] = {}
"""The times of change of the codec's files, and the error of the attempt."""
_is_on = False


def remember_unloadable() -> None:
    """From now on, a guest that could not be loaded is not tried again in this process until its files change."""
    global _is_on  # noqa: PLW0603 - loaded modules belong to the process too
    _is_on = True


def remember(source: CodecSource, mistake: Exception) -> None:
    """Keep the error of an attempt to load a guest."""
    if _is_on:
        _known[source] = _changes(source), type(mistake)(str(mistake))


def raise_again(source: CodecSource) -> None:
    """Raise the error of the last attempt, if the codec's files are unchanged."""
    if source in _known:
        changes, mistake = _known[source]
        if changes == _changes(source):
            raise mistake.with_traceback(None)


def _changes(source: CodecSource) -> list[int]:
    """Return the times of the last changes of a codec's files, in nanoseconds."""
    if not isinstance(source, Path):
        return []
    return [file.stat().st_mtime_ns for suffix in _SUFFIXES if (file := source.with_suffix(suffix)).exists()]
