"""The standby of an asynchronous pair is behind when it is promoted: what it has not received is lost."""

import asyncio

from tests.databases.pairs import first_commit, ids_of, pair_of
from tests.databases.registry import trial
from tests.databases.trials.pair import PER_SECOND
from tests.plugins.proxy import Proxy
from tests.proof.rig import Rig

_SECONDS = 3.0
"""How far the standby is behind, at least."""


@trial("async", "asynchronous pair, its standby seconds behind: `kill -9` of the primary, promotion", short=0, long=1)
async def standby_behind(rig: Rig, times: int) -> None:
    await _lose_what_the_standby_lacks(rig, times, seconds=_SECONDS)


@trial("async", "asynchronous pair, its standby not behind: `kill -9` of the primary, promotion", short=0, long=1)
async def standby_near(rig: Rig, times: int) -> None:
    await _lose_what_the_standby_lacks(rig, times, seconds=0)


async def _lose_what_the_standby_lacks(rig: Rig, times: int, *, seconds: float) -> None:
    assert times == 1
    pair = await pair_of(rig, is_synchronous=False)
    primary, standby = pair.first, pair.second
    network = Proxy(primary.port)
    rig.afterwards.callback(network.close)
    await asyncio.to_thread(standby.receive_from, network.port)
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(1, 1.5)
        await asyncio.to_thread(primary.wait_for_standby)
        stalled = rig.seconds()
        if seconds:
            network.stall()
        (check,) = [one for one in await rig.doctor() if one["about"] == "standby"]
        assert check["verdict"] == ("wrong" if seconds else "fine"), check
        rig.reports.append(f'doctor: standby {check["verdict"]}, "{check["detail"].partition(":")[0]}"')
        await asyncio.sleep(seconds - (rig.seconds() - stalled))
        await asyncio.to_thread(primary.kill)
        died = rig.seconds()
        # What is on the way is lost with the network.
        await asyncio.to_thread(standby.receive_from, None)
        await asyncio.to_thread(standby.promote)
        rig.server.url = standby.url
        await first_commit(rig, since=died)
        await rig.settle(after=len(rig.ledger.confirmed))
    await asyncio.to_thread(primary.start)
    only_there = ids_of(primary) - ids_of(standby)
    rig.lost_with_server = only_there & rig.ledger.confirmed.keys()
    lost = len(rig.lost_with_server)
    if seconds:
        behind = died - stalled
        rig.happened(lost > PER_SECOND)
        assert lost <= 1.5 * PER_SECOND * behind + PER_SECOND
        rig.reports.append(
            f"{lost:,} lost with {PER_SECOND} uplinks/s and {behind:.1f} s behind: {lost / behind:,.0f} for each second"
        )
    else:
        rig.happened(lost < PER_SECOND)
