"""The disk of the journal: the real `JournalFile` on a database of SQLite in memory, which outlasts the process like a file.

Each of its transactions is whole or was not made, as SQLite promises for a file with `synchronous = full`. So a power cut, which
comes between two calls, finds what was committed.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from typing_extensions import override

from parking_gateway.store import journal_file
from parking_gateway.store.journal_file import JournalEntry, JournalFile
from tests.simulation.faults import Fault
from tests.simulation.world import World

_SCHEMA: Final = vars(journal_file)["_SCHEMA"]


class Disk:
    """What is left after a power cut."""

    def __init__(self, world: World, *, max_bytes: int) -> None:
        self.world = world
        self.max_bytes = max_bytes
        """Of the journal."""
        self.is_full = False
        self.content = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.content.executescript(_SCHEMA)
        self.kept = 0
        """Messages that were ever written."""

    def payloads(self) -> Iterator[bytes]:
        """What is in the journal."""
        for (one,) in self.content.execute("select payload from entry"):
            yield bytes(one)


class SimulatedFile(JournalFile):
    """The file, opened by one process."""

    def __init__(self, disk: Disk, *, now: datetime) -> None:
        self._disk = disk
        super().__init__(Path("/"), now=now)

    @override
    def append(self, entries: Sequence[JournalEntry]) -> None:
        super().append(entries)
        self._disk.kept += len(entries)
        if self._disk.world.faults.strikes(Fault.POWER_CUT):
            self._disk.world.power_cut()

    @override
    def remove(self, through: int) -> None:
        super().remove(through)
        if self._disk.world.faults.strikes(Fault.POWER_CUT):
            self._disk.world.power_cut()

    @override
    def close(self) -> None:
        """The content stays."""

    @override
    def _connected(self) -> sqlite3.Connection:
        return self._disk.content

    @contextmanager
    @override
    def _transaction(self) -> Iterator[None]:
        with super()._transaction():
            yield
            if self._disk.is_full:
                self._disk.world.faults.happened[Fault.DISK_FULL] += 1
                raise sqlite3.OperationalError("database or disk is full")
