"""The server that a gateway works on: its system identifier and its timeline, remembered over restarts.

A promotion and a recovery to a moment begin a new timeline; another system identifier is another server. After either, rows
can be missing that were published. So everything is published again, with raised versions. A lower timeline is an old
primary that came back, and is refused.

The memory is a small file in the state directory. In the database it would go back with the rows, and the broker is asked
only after the first write.
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.core.printable import in_one_line
from parking_gateway.process.wall_clock import WallClock, utc
from parking_gateway.store.verdicts import OldServer

NAME: Final = "known-server.json"
"""The name of the file."""
CHANGED: Final = (
    "The database is on another server or timeline; all versions are raised, and everything is published again"
)


class ServerId(msgspec.Struct, frozen=True, kw_only=True):
    """A server as its rows know it: copies of one server differ by their timelines."""

    system_identifier: str
    timeline: int

    def is_newer_than(self, other: "ServerId") -> bool:
        """Whether it is a copy of the same server that was promoted later."""
        return self.system_identifier == other.system_identifier and self.timeline > other.timeline


class LastSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file."""

    server: ServerId
    """The highest timeline that was seen of the last server."""
    before: ServerId | None = None
    """The server before it. None: there was none."""
    since: datetime | None = None
    """When the server changed. None: it never did."""
    is_published: bool = True
    """Whether everything was published again since then."""

    @property
    def change(self) -> str | None:
        """The last change in words. None: there was none."""
        if self.before is None or self.since is None:
            return None
        is_other = self.before.system_identifier != self.server.system_identifier
        what = (
            "The database is on another server (another system identifier)"
            if is_other
            else f"The database moved from timeline {self.before.timeline} to {self.server.timeline}"
        )
        again = "everything was published again" if self.is_published else "everything is published again"
        return f"{what} at {self.since:%Y-%m-%d %H:%M:%S} UTC, and {again} with higher versions"


class KnownServer:
    """The memory of one gateway."""

    def __init__(self, file: Path | None, *, clock: WallClock = utc, is_kept: bool = True) -> None:
        """`file` None: nothing outlasts the process. `is_kept` False: the file is read and never written, by a command."""
        self._file = file
        self._clock = clock
        self._is_kept = is_kept
        self._is_written = False
        self.last = self._read()

    @property
    def has_changed(self) -> bool:
        """Whether everything has to be published again, because the server has changed."""
        return self.last is not None and not self.last.is_published

    def meet(self, found: ServerId) -> bool:
        """Compare the server of a new connection with the last one. Returns whether it is another one.

        Raises OldServer if it has a lower timeline.
        """
        last = self.last
        if last is None:
            self._remember(LastSeen(server=found))
            return False
        if found == last.server:
            return False
        if last.server.is_newer_than(found):
            if not self._is_forgotten():
                raise OldServer(self._refusal(found, last.server))
            last = LastSeen(server=last.server)
        self._remember(LastSeen(server=found, before=last.server, since=self._clock(), is_published=False))
        if not self._is_kept:  # a command publishes nothing again
            return True
        logger.bind(
            system_identifier=found.system_identifier,
            timeline=found.timeline,
            system_identifier_before=last.server.system_identifier,
            timeline_before=last.server.timeline,
        ).warning(CHANGED)
        return True

    def published_again(self, change: LastSeen) -> None:
        """Since this change, everything is due with raised versions."""
        if self.last is change:
            self._remember(msgspec.structs.replace(change, is_published=True))

    def _is_forgotten(self) -> bool:
        """Whether a person has removed the file, because the older server is wanted."""
        return self._file is not None and self._is_written and not self._file.exists()

    def _refusal(self, found: ServerId, last: ServerId) -> str:
        escape = f", or, if a backup was restored on purpose, remove {self._file}" if self._file else ""
        return (
            f"the server is on timeline {found.timeline}, and the gateway has worked on timeline {last.timeline} of the same"
            f" database: it is an old primary. Stop it and make it a standby again (pg_rewind, pg_basebackup){escape}"
        )

    def _remember(self, seen: LastSeen) -> None:
        self.last = seen
        if self._file is None or not self._is_kept:
            return
        new = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.write(msgspec.json.encode(seen))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._file)
            self._is_written = True
        except OSError as error:
            logger.bind(file=str(self._file), error=in_one_line(error)).warning(
                "The server of the database cannot be remembered, so a failover during a stop would not be noticed"
            )

    def _read(self) -> LastSeen | None:
        if self._file is None:
            return None
        try:
            last = msgspec.json.decode(self._file.read_bytes(), type=LastSeen)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            logger.bind(file=str(self._file), error=in_one_line(error)).warning(
                "The server of the database is not known from the last run; this one is taken for it"
            )
            return None
        self._is_written = True
        return last
