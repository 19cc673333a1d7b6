"""Retention: rows that are older than they are kept are archived, if there is a folder for it, and deleted.

Months are dropped whole. Rows of a default partition, which wrong clocks have dated, are deleted a few at a time.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.clock.moment import Moment
from parking_gateway.core.committed import Committed
from parking_gateway.store import retention
from parking_gateway.store.archive_file import ArchiveFile
from parking_gateway.store.database import Database
from parking_gateway.store.partitions import GROWN, Grown, Month
from parking_gateway.store.query import Query
from parking_gateway.store.retention import Page
from parking_gateway.store.verdicts import FAILURES, diagnosis_of

_NOT_NOW: Final = frozenset({"55P03", "40P01", "42P01"})
"""States of PostgreSQL: another session holds a lock, another gateway drops the month too, or has dropped it."""


class Outcome(msgspec.Struct, kw_only=True):
    """What a round has done."""

    dropped: list[str] = msgspec.field(default_factory=list)
    """Partitions."""
    deleted: int = 0
    """Rows of default partitions."""
    postponed: list[str] = msgspec.field(default_factory=list)
    """Partitions that another session uses, or that got rows while they were archived."""


async def go(database: Database, moment: Moment) -> Committed:
    """Delete the old rows of every table. Raises ArchiveFailed, and then keeps them."""
    outcome = Outcome()
    kept = {table: moment.retention.kept_for(table.name) for table in GROWN}
    if not any(kept.values()):
        return Committed()
    async with database.connect() as connection:
        (today,) = await connection.commit_together(retention.today(moment.now))
    for table, age in kept.items():
        if age is not None:
            await _drop_months(database, moment, table, before=today - age, outcome=outcome)
            await _delete_strays(database, moment, table, before=today - age, outcome=outcome)
    return Committed(
        partitions_dropped=len(outcome.dropped), rows_deleted=outcome.deleted, drops_postponed=len(outcome.postponed)
    )


async def _drop_months(database: Database, moment: Moment, table: Grown, *, before: datetime, outcome: Outcome) -> None:
    async with database.connect() as connection:
        (months,) = await connection.commit_together(retention.months(table))
    for month in months:
        if month.after > before:
            return
        name = month.partition
        rows = await _dropped(database, moment, month)
        if rows is None:
            outcome.postponed.append(name)
            logger.bind(partition=name).debug("A month cannot be dropped now; trying again")
            continue
        outcome.dropped.append(name)
        logger.bind(partition=name, archived_rows=rows).info("Dropped a month")


async def _dropped(database: Database, moment: Moment, month: Month) -> int | None:
    """Drop a month, and return the number of its archived rows. None: it cannot be dropped now."""
    async with database.connect() as connection:
        (is_held,) = await connection.commit_together(retention.is_held(month.table))
    if is_held:  # to wait for it would hold up uplinks, if only for a moment, again and again
        return None
    folder = moment.retention.archive
    archive = None if folder is None else ArchiveFile(folder, month.partition, writer=moment.instance)
    try:
        if archive is not None:
            await _fill(database, archive, lambda after: retention.page(month, after=after))
        return await _drop(database, month, archive=archive)
    except FAILURES as error:
        if diagnosis_of(error).state not in _NOT_NOW:
            raise
        return None
    finally:
        if archive is not None:
            archive.give_up()


async def _drop(database: Database, month: Month, *, archive: ArchiveFile | None) -> int | None:
    async with database.connect() as connection:
        if archive is not None:
            # Uplinks of other months go on meanwhile. This one may have got rows, or lost some, since it was read.
            *_, rows = await connection.together(*retention.lock(month), retention.count(month))
            if rows != archive.rows:
                return None
            await asyncio.to_thread(archive.name_it)
        # In two round trips, because PostgreSQL 15 takes locks only between BEGIN and COMMIT.
        await connection.together(*retention.drop(month))
        await connection.commit_together()
    return 0 if archive is None else archive.rows


async def _delete_strays(
    database: Database, moment: Moment, table: Grown, *, before: datetime, outcome: Outcome
) -> None:
    """Delete the old rows of the default partition, each few in a transaction of their own."""
    async with database.connect() as connection:
        (has_old,) = await connection.commit_together(retention.has_old(table, before=before))
    if not has_old:
        return
    if moment.retention.archive is not None:
        name = f"{table.default}_{moment.now:%Y%m%dT%H%M%SZ}"
        archive = ArchiveFile(moment.retention.archive, name, writer=moment.instance)
        try:
            await _fill(database, archive, lambda after: retention.old_page(table, before=before, after=after))
            await asyncio.to_thread(archive.name_it)
        finally:
            archive.give_up()
    deleted = 0
    while True:
        async with database.connect() as connection:
            (gone,) = await connection.commit_together(retention.delete_old(table, before=before))
        deleted += gone
        if gone < retention.AT_ONCE:
            break
    outcome.deleted += deleted
    logger.bind(partition=table.default, rows=deleted).info("Deleted old rows that wrong clocks had dated")


async def _fill(database: Database, archive: ArchiveFile, page_of: Callable[[str], Query[Page]]) -> None:
    """Write all pages into the archive, and bring it to the disk. No connection is kept meanwhile."""
    after = retention.FIRST
    while True:
        async with database.connect() as connection:
            (page,) = await connection.commit_together(page_of(after))
        if page.last is None:
            break
        await asyncio.to_thread(archive.write, page.lines, rows=page.rows)
        after = page.last
    await asyncio.to_thread(archive.complete)
