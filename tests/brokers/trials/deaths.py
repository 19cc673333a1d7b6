"""All processes of the broker are killed at once, as by a power cut, and started again: what it had confirmed is counted."""

import asyncio

from tests.brokers.notes import LOST
from tests.brokers.stand import PATIENCE, Stand
from tests.brokers.trials.retained import wrong_pictures
from tests.brokers.trials.size import Size
from tests.plugins.daemon import Daemon


async def broker_dies_while_uplinks_wait(stand: Stand, gateway: Daemon, size: Size) -> None:
    """The gateway is away. The publisher has a confirmation of each uplink."""
    assert await asyncio.to_thread(gateway.terminate) == 0
    await stand.load.burst(size.waiting)
    await _kill(stand)
    await asyncio.to_thread(gateway.start_and_wait)
    await _count(stand, size, f"{size.waiting:,} waiting")


async def broker_dies_under_load(stand: Stand, size: Size) -> None:
    """The gateway works. The publisher sends again what was not confirmed."""
    before = stand.ledger.uplinks
    async with stand.load.steady(size.rate):
        await asyncio.sleep(size.seconds)
        await _kill(stand)
        await asyncio.sleep(size.seconds)
    await _count(stand, size, f"{stand.ledger.uplinks - before:,} under load")
    stand.notes.complain(await wrong_pictures(stand))


async def _kill(stand: Stand) -> None:
    """In a pair, only the working node dies, and the other one takes over before it is started again."""
    is_pair = stand.engine.is_pair
    dying = [stand.working] if is_pair else stand.nodes
    for node in dying:
        number = node.pid
        await asyncio.to_thread(node.kill)
        assert number
        assert not node.accepts
    if is_pair:
        await asyncio.to_thread(stand.other(dying[0]).wait)
    for node in dying:
        node.launch()
    for node in [] if is_pair else dying:
        await asyncio.to_thread(node.wait)


async def _count(stand: Stand, size: Size, of: str) -> None:
    may_lose = stand.engine.expected.loses
    lost = await stand.lost(patience=size.nothing_more if may_lose else PATIENCE)
    stand.notes.note(LOST, f"{lost:,} of {of}")
    if lost and not may_lose:
        stand.notes.complain([f"{lost} confirmed uplinks were lost: {of}"])
    stand.notes.complain(await stand.differences())
