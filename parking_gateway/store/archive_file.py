"""Archives: files of rows that were deleted from the database, one JSON object a line, compressed by gzip.

A file has its name only when it is complete and on the disk.
"""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

SUFFIX: Final = ".jsonl.gz"
_PART: Final = ".part"
_LEVEL: Final = 6


class ArchiveFailed(Exception):  # noqa: N818 - it is an event
    """An archive cannot be written or read. The message says why."""


class ArchiveFile:
    """A new archive. Every method may take the time of a disk: call it in a thread."""

    def __init__(self, folder: Path, name: str, *, writer: str) -> None:
        """`writer` keeps the unfinished files of two gateways apart."""
        self.path = folder / f"{name}{SUFFIX}"
        self.rows = 0
        self._part = folder / f"{name}{SUFFIX}.{writer}{_PART}"
        self._raw: BinaryIO | None = None
        self._file: gzip.GzipFile | None = None

    def write(self, lines: str, *, rows: int) -> None:
        """Add lines. The first call opens the file. Raises ArchiveFailed."""
        try:
            if self._file is None:
                self._raw = self._part.open("wb")
                self._file = gzip.GzipFile(filename="", fileobj=self._raw, mode="wb", compresslevel=_LEVEL, mtime=0)
            if rows:
                self._file.write(lines.encode() + b"\n")
                self.rows += rows
        except OSError as error:
            raise _failed(self.path, error) from error

    def complete(self) -> None:
        """Bring all of it to the disk. Raises ArchiveFailed."""
        self.write("", rows=0)
        assert self._file is not None  # noqa: S101 - it was opened above
        assert self._raw is not None  # noqa: S101 - as well
        try:
            self._file.close()
            self._raw.flush()
            os.fsync(self._raw.fileno())
            self._raw.close()
        except OSError as error:
            raise _failed(self.path, error) from error

    def name_it(self) -> None:
        """Give the complete file its name. Raises ArchiveFailed."""
        try:
            self._part.replace(self.path)
            directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise _failed(self.path, error) from error

    def give_up(self) -> None:
        """Delete what is not complete. A file that has its name stays."""
        with suppress(OSError):
            if self._raw is not None:
                self._raw.close()
            self._part.unlink(missing_ok=True)


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of an archive. Raises ArchiveFailed for a file that cannot be read to its end."""
    try:
        with gzip.open(path, "rb") as lines:
            for line in lines:
                yield _decode(line)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as error:
        raise ArchiveFailed(f"{path} cannot be read as an archive: {error}") from error


_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def _failed(path: Path, error: OSError) -> ArchiveFailed:
    return ArchiveFailed(f"The archive {path} cannot be written: {error.strerror or error}")
