"""A wall clock that a test sets, for processes that it starts: libfaketime reads it from a file. Monotonic time stays real."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

_LIBRARY: Final = "libfaketime.so.1"
NOT_INSTALLED: Final = "libfaketime is not installed"


class FakedClock:
    """The wall clock of some processes. It goes on at the usual pace from where it is set."""

    def __init__(self, folder: Path) -> None:
        """Leaves the test out where libfaketime is not installed."""
        found = sorted(Path("/usr/lib").rglob(_LIBRARY))
        if not found:
            pytest.skip(NOT_INSTALLED)
        self._file = folder / "wall clock"
        self.ahead = timedelta()
        self.jump_to(timedelta())
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            # Else Python would compile all modules at each start, because its caches name the times of their sources.
            "NO_FAKE_STAT": "1",
        }
        """Of a process that has this clock."""

    @property
    def now(self) -> datetime:
        """What it shows."""
        return datetime.now(UTC) + self.ahead

    def jump_to(self, ahead: timedelta) -> None:
        """Let it be so far ahead of this machine's."""
        self.ahead = ahead
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead.total_seconds():+.3f}\n")
        new.replace(self._file)

    def reach(self, time: datetime) -> None:
        """Let it show at least this time."""
        if time > self.now:
            self.jump_to(time - datetime.now(UTC))
