"""The primary of a synchronous pair dies, and its standby is promoted."""

import asyncio

from tests.databases.pairs import first_commit, pair_of, reports_problem
from tests.databases.registry import trial
from tests.plugins.pair import Pair, PairMember
from tests.proof.rig import Rig

PER_SECOND = 200
NO_STANDBY = "Every commit waits for a standby"
TIMELINE = "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"


@trial(
    "pair",
    "synchronous pair: `kill -9` of the primary, its standby promoted and taken out of the quorum, the old primary rebuilt",
    short=1,
    long=5,
)
async def primary_killed(rig: Rig, times: int) -> None:
    pair = await pair_of(rig, is_synchronous=True)
    await failovers(rig, pair, times)


@trial(
    "inherited",
    "synchronous pair: the promoted standby has inherited `synchronous_standby_names`, until the remedy that is named",
    short=0,
    long=2,
)
async def setting_inherited(rig: Rig, times: int) -> None:
    """From a promotion by hand up to the remedy, every commit waits."""
    pair = await pair_of(rig, is_synchronous=True)
    primary, standby = pair.first, pair.second
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        for number in range(1, times + 1):
            await rig.pause(0.5, 1.5)
            await asyncio.to_thread(primary.kill)
            await asyncio.to_thread(standby.promote)
            primary, standby = standby, primary
            await reports_problem(rig, NO_STANDBY)
            rig.happened(primary.value("show synchronous_standby_names") == "*")
            mended = rig.seconds()
            await asyncio.to_thread(primary.demand_no_standby)
            await first_commit(rig, since=mended)
            if number < times:
                await asyncio.to_thread(rebuild, standby, primary)
                await rig.settle()


async def failovers(rig: Rig, pair: Pair, times: int) -> None:
    """Let the primary die so many times, and the two servers change their roles each time."""
    primary, standby = pair.first, pair.second
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        for number in range(1, times + 1):
            await rig.pause(0.5, 1.5)
            died = rig.seconds()
            await asyncio.to_thread(fail_over, primary, standby)
            primary, standby = standby, primary
            await first_commit(rig, since=died)
            rig.happened(primary.value(TIMELINE) == number + 1)
            if number < times:
                await asyncio.to_thread(rebuild, standby, primary)
                await rig.settle()


def fail_over(primary: PairMember, standby: PairMember) -> None:
    """As a tool does that was made for it: the promoted server waits for nobody."""
    primary.kill()
    standby.promote()
    standby.demand_no_standby()


def rebuild(old: PairMember, primary: PairMember) -> None:
    """The old primary becomes the standby, and commits wait for it. Both have the setting, as after a copy made later."""
    old.rebuild(primary)
    primary.wait_for_standby()
    old.demand_standby()
    primary.demand_standby()
