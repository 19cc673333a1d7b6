"""How pages that the broker has confirmed are collected until the database has their confirmation."""

import asyncio
from datetime import UTC, datetime

from parking_gateway.core.due import DueCounts, DueKind, DueSpace
from parking_gateway.core.space import Contact, SpaceId, SpaceState
from parking_gateway.outbox.pages import PAGE, Page
from parking_gateway.outbox.unconfirmed import Unconfirmed

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def page(*keys: int, version: int = 2) -> Page:
    rows = [
        DueSpace(
            SpaceId(key), version, 1, "central", "level-1", f"A-{key}", SpaceState.FREE, AT, None, "vacant",
            Contact.LIVE, None, None, None, None, None, AT,
        )
        for key in keys
    ]  # fmt: skip
    return Page(kind=DueKind.SPACE, rows=rows, confirmed=rows, marker=1)


def page_of_zone() -> Page:
    row = DueCounts(
        key=1, version=2, published_version=1, site="central", zone="level-1", total=1, free=1, occupied=0, reserved=0,
        maintenance=0, unreachable=0,
    )  # fmt: skip
    return Page(kind=DueKind.ZONE, rows=[row], confirmed=[row], marker=1)


class Database:
    """Keeps what is confirmed together, and can be held up."""

    def __init__(self) -> None:
        self.written: list[list[Page]] = []
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.unconfirmed = Unconfirmed(self._write)

    async def _write(self, pages: list[Page]) -> None:
        self.written.append(pages)
        await self.is_free.wait()


async def test_the_first_page_is_confirmed_at_once_and_those_right_behind_it_together() -> None:
    database = Database()
    unconfirmed = database.unconfirmed
    first, second, third = page(1), page(2), page(2, 3, version=3)
    running = asyncio.create_task(unconfirmed.run())
    await unconfirmed.add(first)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert database.written == [[first]]
    await unconfirmed.add(second)
    await unconfirmed.add(third)
    assert unconfirmed.versions == {2: 3, 3: 3}
    async with asyncio.timeout(10):
        await unconfirmed.ended()
    running.cancel()
    assert database.written == [[first], [second, third]]
    assert (unconfirmed.versions, unconfirmed.written) == ({}, {2: 3, 3: 3})


async def test_the_versions_that_are_being_written_are_known() -> None:
    database = Database()
    database.is_free.clear()
    running = asyncio.create_task(database.unconfirmed.run())
    await database.unconfirmed.add(page(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert set(database.unconfirmed.writing) == {1}
    database.is_free.set()
    async with asyncio.timeout(10):
        await database.unconfirmed.ended()
    running.cancel()
    assert not database.unconfirmed.writing


async def test_pages_of_two_kinds_are_never_confirmed_together() -> None:
    database = Database()
    running = asyncio.create_task(database.unconfirmed.run())
    async with asyncio.timeout(10):
        for one in (page(1), page(2), page_of_zone(), page(3)):
            await database.unconfirmed.add(one)
        await database.unconfirmed.ended()
    running.cancel()
    assert sum(map(len, database.written)) == 4
    assert all(len({one.kind for one in pages}) == 1 for pages in database.written)


async def test_no_more_than_about_two_pages_wait() -> None:
    database = Database()
    database.is_free.clear()
    running = asyncio.create_task(database.unconfirmed.run())
    await database.unconfirmed.add(page(*range(PAGE)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await database.unconfirmed.add(page(*range(PAGE)))
    adding = asyncio.create_task(database.unconfirmed.add(page(1)))
    await asyncio.sleep(0)
    assert not adding.done()
    database.is_free.set()
    async with asyncio.timeout(10):
        await adding
        await database.unconfirmed.ended()
    running.cancel()
    assert [len(pages) for pages in database.written] == [1, 1, 1]
