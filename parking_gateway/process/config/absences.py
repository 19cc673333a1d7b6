"""Folders that the configuration names and this machine does not have now, because they are not mounted yet.

The gateway starts without them, because they may appear later. `check-config` and `doctor` show them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from parking_gateway.process.config.sections import Config

NO_DATABASE: Final = (
    'is not set: name your PostgreSQL, such as postgresql://parking:PASSWORD@localhost/parking, or write "embedded" for one that'
    " the gateway starts itself (parking-gateway --embedded COMMAND does the same)"
)


def absences(config: Config) -> Iterator[tuple[str, str]]:
    """Each `section.key` with what is wrong and what to do."""
    folder = config.decoders.folder
    if folder is not None and (why := why_unreadable(folder)):
        yield "decoders.folder", f"must name a directory that exists, and {folder} is none ({why}): make or mount it"
    if not config.database.is_set:
        yield "database.url", NO_DATABASE
    if config.database.is_embedded and (why := _why_unwritable(config.gateway.state_directory)):
        what = (
            f"must name a directory in which this user can write, and {config.gateway.state_directory} is none ({why})"
        )
        yield "gateway.state_directory", f"{what}: name another, or give this one to the user"


def why_unreadable(folder: Path) -> str | None:
    """Why no file can be found in the folder; None where one can."""
    try:
        return None if any(folder.iterdir()) else "it is empty"
    except OSError as error:
        return error.strerror


def _why_unwritable(folder: Path) -> str | None:
    there = next(place for place in (folder, *folder.parents) if os.path.exists(place))  # noqa: PTH110 - Path.exists raises where a parent may not be read
    if not there.is_dir():
        return f"{there} is a file"
    return None if os.access(there, os.W_OK | os.X_OK) else f"{there} is closed to this user"
