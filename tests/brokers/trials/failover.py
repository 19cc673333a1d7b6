"""A cluster or a pair: one of its nodes and one of several gateways are killed under load, at the same time."""

import asyncio

from tests.brokers.notes import FAILOVER
from tests.brokers.stand import Stand
from tests.brokers.trials.retained import wrong_pictures
from tests.brokers.trials.size import Size

_GROUP = "failover"


async def node_and_gateway_die(stand: Stand, size: Size) -> None:
    """With a shared group where the broker has it, else each gateway receives every uplink."""
    for gateways in size.groups:
        await _die(stand, gateways, size)


async def _die(stand: Stand, gateways: int, size: Size) -> None:
    shared = {"MQTT__SHARED_GROUP": f"{_GROUP}-{gateways}"} if stand.engine.expected.shares else {}
    group = [stand.gateway(f"{_GROUP}-{gateways}-{number}", **shared) for number in range(gateways)]
    await asyncio.gather(*(asyncio.to_thread(one.start_and_wait) for one in group))
    before = stand.ledger.uplinks
    async with stand.load.steady(size.rate):
        await asyncio.sleep(size.seconds)
        node = stand.working
        number = node.pid
        await asyncio.to_thread(node.kill)
        group[0].kill()
        assert number
        assert not node.accepts
        assert group[0].wait() == -9
        await asyncio.sleep(size.seconds)
        await asyncio.to_thread(group[0].start)
        await asyncio.sleep(size.seconds)
        node.launch()
    lost = await stand.lost()
    uplinks = stand.ledger.uplinks - before
    stand.notes.note(FAILOVER, f"{lost:,} of {uplinks:,} lost with {gateways} gateways")
    if lost:
        stand.notes.complain([f"{lost} confirmed uplinks were lost by the death of a node, with {gateways} gateways"])
    stand.notes.complain(await stand.differences())
    if not stand.engine.is_pair:
        await asyncio.to_thread(node.wait)
    stand.notes.complain(await wrong_pictures(stand))
    for one in group:
        assert await asyncio.to_thread(one.terminate) == 0
