"""The journal of a configuration, opened for the gateway."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from shutil import disk_usage

from parking_gateway.intake.journal import Journal
from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.journal_file import NAME, JournalFile, JournalUnusable
from parking_gateway.telemetry.report import Report


@asynccontextmanager
async def opened_journal(config: Config, *, report: Report, clock: WallClock) -> AsyncIterator[Journal | None]:
    """The journal, which is closed at the end. None: the configuration wants none, or its file cannot be used.

    Where none is wanted, a file that an earlier configuration has left is opened until it is empty, and deleted then.
    """
    folder = config.journal_folder
    if not config.journal.max_bytes and not (folder / NAME).exists():
        yield None
        return
    try:
        file = await asyncio.to_thread(JournalFile, folder, now=clock())
    except JournalUnusable as why:
        report.complain(
            "journal",
            f"There is no journal ({why}), so the broker keeps the events while the database is away: let this user write"
            " there, or name another journal.folder",
        )
        yield None
        return
    if not config.journal.max_bytes and not file.depth.rows and not await asyncio.to_thread(file.filters):
        await asyncio.to_thread(file.delete)
        yield None
        return
    journal = Journal(
        file,
        after=config.journal.after,
        max_bytes=config.journal.max_bytes,
        clock=clock,
        complain=report.complain,
    )
    report.health.journal = journal.depth
    report.health.journal_limit = config.journal.max_bytes
    report.health.disk_free = partial(_free_bytes, folder)
    try:
        yield journal
    finally:
        await asyncio.to_thread(journal.close)


def _free_bytes(folder: Path) -> float:
    try:
        return disk_usage(folder).free
    except OSError:  # the disk is away: the journal says so
        return math.nan
