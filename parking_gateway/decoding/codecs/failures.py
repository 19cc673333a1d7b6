"""Codecs of others that could not be loaded, remembered by commands: each attempt can take seconds.

A command looks up the codec of each device. Without this, one codec that hangs would keep `doctor --devices` busy for half
an hour, and an import of spaces would hold its locks for as long. The gateway itself tries again, within a guest's time.
"""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

CodecSource = Path | EntryPoint

_SUFFIXES: Final = (".py", ".toml", ".js")
_known: dict[CodecSource, tuple[list[int], Exception]] = {}
"""When the codec's files were changed, and why it could not be loaded then."""
_is_on = False


def remember_failures() -> None:
    """From now on, no codec is tried again in this process that could not be loaded, unless its files were changed."""
    global _is_on  # noqa: PLW0603 - what is loaded is the process's too
    _is_on = True


def remember(source: CodecSource, mistake: Exception) -> None:
    """Take note of why a codec cannot be loaded."""
    if _is_on:
        _known[source] = _changes(source), type(mistake)(str(mistake))


def raise_known(source: CodecSource) -> None:
    """Raise it again."""
    if source in _known:
        changes, mistake = _known[source]
        if changes == _changes(source):
            raise mistake.with_traceback(None)


def _changes(source: CodecSource) -> list[int]:
    """When the files of a codec were last changed, in nanoseconds."""
    if not isinstance(source, Path):
        return []
    return [file.stat().st_mtime_ns for suffix in _SUFFIXES if (file := source.with_suffix(suffix)).exists()]
