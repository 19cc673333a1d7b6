"""The trials of one engine, in their order. Each notes what it found, and complains where that is not what the engine expects."""

import msgspec

from tests.brokers.engines.engine import Engine
from tests.brokers.stand import Stand
from tests.brokers.trials.deaths import broker_dies_under_load, broker_dies_while_uplinks_wait
from tests.brokers.trials.failover import node_and_gateway_die
from tests.brokers.trials.retained import picture
from tests.brokers.trials.sessions import backlog, protocol_and_will, waiting
from tests.brokers.trials.sharing import none_shared, share
from tests.brokers.trials.size import Size


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one engine."""

    name: str
    product: str
    settings: str
    cells: dict[str, str]
    complaints: list[str]


async def tried(engine: Engine, product: str, stand: Stand, size: Size) -> Outcome:
    """Run all trials. After each, all states, steps and stays are those that the uplinks demand by event time."""
    notes = stand.notes
    alone = stand.gateway("alone")
    await protocol_and_will(stand, alone)
    await waiting(stand, alone, size)
    await backlog(stand, alone, size)
    await picture(stand)
    await broker_dies_while_uplinks_wait(stand, alone, size)
    await broker_dies_under_load(stand, size)
    assert alone.terminate() == 0
    if engine.expected.shares:
        await share(stand, size)
    else:
        await none_shared(stand)
    if len(stand.nodes) > 1:
        await node_and_gateway_die(stand, size)
    return Outcome(
        name=engine.name, product=product, settings=engine.settings, cells=notes.cells, complaints=notes.complaints
    )
