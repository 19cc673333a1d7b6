"""How the files of a region are written: once, whole, and readable by nobody else where they hold a secret."""

import os
from pathlib import Path
from typing import Final

from parking_gateway.cli.regions.region import Refused

_OTHERS: Final = 0o077
PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


def folder(path: Path) -> None:
    """Make a folder that only its owner may open. One that is there has to be so already. Raises Refused."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{path} cannot be made: {error.strerror}.") from None
    require_private(path)


def require_private(path: Path) -> None:
    """Raise Refused if others may read a file or open a folder."""
    if path.exists() and path.stat().st_mode & _OTHERS:
        raise Refused(f"{path} can be read by others: run chmod {'700' if path.is_dir() else '600'} {path}")


def write(path: Path, text: str, mode: int) -> bool:
    """Write a file unless it is there. Returns whether it was written. Raises Refused."""
    if path.exists():
        return False
    replace(path, text, mode)
    return True


def replace(path: Path, text: str, mode: int) -> None:
    """Write a file. It gets its name when it is complete, so that a kill leaves no half of a password. Raises Refused."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.unlink(missing_ok=True)
        # The mode is there before the content. The umask can only make it smaller.
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}.") from None


def text_of(path: Path) -> str | None:
    """The content of a file without the end of its line. None: it is missing. Raises Refused."""
    require_private(path)
    try:
        return path.read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}.") from None
