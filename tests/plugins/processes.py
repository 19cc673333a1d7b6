"""A folder for a command, and the processes that the command has started."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for all files of a command. Its path is short, because sockets lie in it, and PostgreSQL's user can read it."""
    with TemporaryDirectory(prefix="parking-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def processes_of(folder: Path) -> dict[int, str]:
    """The processes whose command line or environment names the folder."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if os.fsencode(folder) in command + environment:
            found[int(process.name)] = command.replace(b"\0", b" ").decode()
    return found
