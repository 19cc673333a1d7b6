"""The queue of one watcher: nothing is lost, and a slow one takes little memory."""

import asyncio

from parking_gateway.web.watcher import AGAIN, Watcher, chunks_of

MEGABYTE = 1_000_000


async def test_a_slow_watcher_fetches_the_picture_anew_instead_of_filling_the_memory() -> None:
    watcher = Watcher()
    watcher.put([b"a" * MEGABYTE, b"b"])
    watcher.put([b"c"])
    assert await watcher.next(0) == AGAIN
    assert await watcher.next(0) == b""
    watcher.put([b"d"])
    assert await watcher.next(0) == b"d"


async def test_a_watcher_that_reads_gets_changes_of_any_size_in_their_order() -> None:
    watcher = Watcher()
    watcher.put([b"a" * 3 * MEGABYTE, b"b"])
    assert len(await watcher.next(0) or b"") == 3 * MEGABYTE
    watcher.put([b"c"])
    assert [await watcher.next(0) for _ in range(3)] == [b"b", b"c", b""]


async def test_a_watcher_that_waits_is_woken_by_a_change_and_by_the_end() -> None:
    watcher = Watcher()
    waiting = asyncio.ensure_future(watcher.next(60))
    await asyncio.sleep(0)
    watcher.put([b"a"])
    assert await waiting == b"a"
    waiting = asyncio.ensure_future(watcher.next(60))
    await asyncio.sleep(0)
    watcher.end()
    assert await waiting is None
    watcher.put([b"b"])
    assert await watcher.next(60) is None


def test_texts_travel_together_up_to_a_limit() -> None:
    texts = [bytes([65 + number % 26]) * 1000 for number in range(200)]
    chunks = chunks_of(texts)
    assert b"".join(chunks) == b"".join(texts)
    assert [len(chunk) for chunk in chunks] == [65_000, 65_000, 65_000, 5_000]
    assert chunks_of([]) == []
    assert chunks_of([b"x" * 100_000]) == [b"x" * 100_000]
