"""Several gateways with one `mqtt.shared_group`, one of which is killed under load."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from parking_gateway.cli.demo.audit import wait_for_empty_backlog
from tests.brokers.notes import SHARED
from tests.brokers.stand import PATIENCE, Stand, within
from tests.brokers.trials.size import Size
from tests.plugins.daemon import Daemon

_GROUP: Final = "gateways"
_RECORDED: Final = "parking_gateway_uplinks_recorded_total"
_ALL: Final = timedelta(seconds=60)
"""For the first uplink of each gateway."""
_CONNECTED: Final = "Connected to the broker"
_REFUSED: Final = "does not deliver to shared subscriptions"


async def share(stand: Stand, size: Size) -> None:
    """Each uplink comes to one of them. The share of the killed one goes to the others, or waits until it is back."""
    for gateways in size.groups:
        names = [f"shared-{gateways}-{number}" for number in range(gateways)]
        group = [stand.gateway(name, MQTT__SHARED_GROUP=f"{_GROUP}-{gateways}") for name in names]
        await asyncio.gather(*(asyncio.to_thread(one.start_and_wait) for one in group))
        await _one_dies(stand, group, size)
        for one in group:
            assert await asyncio.to_thread(one.terminate) == 0


async def _one_dies(stand: Stand, group: Sequence[Daemon], size: Size) -> None:
    before = stand.ledger.uplinks
    async with stand.load.steady(size.rate):
        if await within(_ALL, partial(_have_recorded, group)) is None:
            stand.notes.complain([f"not all of {len(group)} gateways receive uplinks"])
        await asyncio.sleep(size.seconds)
        group[0].kill()
        assert group[0].wait() == -9
        await asyncio.sleep(size.seconds)
    uplinks = stand.ledger.uplinks - before
    patience = PATIENCE if stand.engine.expected.others_take_over else size.nothing_more
    rest = await wait_for_empty_backlog(stand.ledger, stand.server.url, patience=patience)
    await asyncio.to_thread(group[0].start_and_wait)
    lost = await stand.lost()
    waited = f", {rest.uplinks:,} only when it was back" if rest.uplinks else ""
    stand.notes.note(SHARED, f"{uplinks - lost:,} of {uplinks:,} with {len(group)} gateways{waited}")
    if lost:
        stand.notes.complain([f"{lost} uplinks were lost with {len(group)} gateways"])
    if rest.uplinks and stand.engine.expected.others_take_over:
        stand.notes.complain([f"{rest.uplinks} uplinks waited until a killed gateway was back"])
    stand.notes.complain(await stand.differences())


async def _have_recorded(group: Sequence[Daemon]) -> bool:
    return all([await asyncio.to_thread(one.metric, _RECORDED) for one in group])


async def none_shared(stand: Stand) -> None:
    """A gateway with a shared group names the reason and is not ready. Without that, it would wait for ever and receive nothing."""
    gateway = stand.gateway("sharing", MQTT__SHARED_GROUP=_GROUP)
    gateway.start()

    async def has_refused() -> bool:
        return _REFUSED in gateway.log.read_text()

    if await within(_ALL, has_refused) is None or gateway.log_lines(_CONNECTED):
        stand.notes.complain(["a gateway with a shared group has not refused the broker"])
    stand.notes.note(SHARED, "no: the gateway refuses it")
    await asyncio.to_thread(gateway.kill)
