"""Values that name something on this machine: its name as a topic level, folders and files."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator

from parking_gateway.process.config.values import LONGEST_NAME, empty_is_unset


def default_instance() -> str:
    """The machine's name as a topic level: `Gw1.example.org` is `gw1-example-org`."""
    return re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().lower()).strip("-") or "gateway"


def _instance(text: str) -> str:
    if not re.fullmatch(rf"[a-z0-9_-]{{1,{LONGEST_NAME}}}", text):
        raise ValueError(f'must be made of lower-case letters, digits, "-" and "_", at most {LONGEST_NAME} of them')
    return text


def _own_instance(value: object) -> object:
    return default_instance() if value == "" else value


Instance = Annotated[str, BeforeValidator(_own_instance), AfterValidator(_instance)]


def default_state_directory() -> Path:
    """The first directory of systemd's `StateDirectory=`, else the user's own (`~/.local/state/parking-gateway`)."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    # XDG Base Directory Specification: a relative path in the variable is ignored.
    states = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (states if states.is_absolute() else Path("~/.local/state").expanduser()) / "parking-gateway"


def without_time_zones() -> Iterator[str]:
    """A sentence where this machine has no time zones, which every site needs. All distributions have a package for them."""
    try:
        ZoneInfo("UTC")
    except ZoneInfoNotFoundError:
        yield "This machine has no time zones. Install the package tzdata of the system, or run: pip install tzdata"


def _expanded(path: Path) -> Path:
    if not str(path).isprintable():
        raise ValueError("must be a path of printable characters")
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError('must not begin with "~", because no home directory is known: write the whole path') from None


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise ValueError(f"names a file that cannot be read ({path}: {error.strerror})") from None


def _state_directory(value: object) -> object:
    return default_state_directory() if value == "" else value


StateDirectory = Annotated[Path, BeforeValidator(_state_directory), AfterValidator(_expanded)]
ReadableFile = Annotated[
    Annotated[Path, AfterValidator(_expanded), AfterValidator(_readable)] | None, BeforeValidator(empty_is_unset)
]
Folder = Annotated[Annotated[Path, AfterValidator(_expanded)] | None, BeforeValidator(empty_is_unset)]
