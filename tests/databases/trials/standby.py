"""The standby of a synchronous pair is gone, and commits wait for it."""

import asyncio
from functools import partial

import psycopg

from tests.databases.pairs import first_commit, has_no_problem, pair_of, reports_problem
from tests.databases.registry import trial
from tests.databases.trials.pair import NO_STANDBY, PER_SECOND
from tests.plugins.pair import PairMember
from tests.proof.rig import Rig
from tests.whole_gateway import until

WAITING = "from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'parking-gateway'"
_WARNING = "PostgreSQL warns"


@trial("standby", "synchronous pair: `kill -9` of the standby, which is away for 5 s; commits wait", short=0, long=3)
async def standby_killed(rig: Rig, times: int) -> None:
    """The events go into the journal meanwhile."""
    pair = await pair_of(rig, is_synchronous=True)
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            await asyncio.to_thread(pair.second.kill)
            await reports_problem(rig, NO_STANDBY)
            await asyncio.sleep(5)
            rig.happened(pair.first.value(f"select count(*) {WAITING}"))
            kept = rig.gateway.metric("parking_gateway_journal_messages")
            assert kept
            rig.reports.append(f"up to {kept:,.0f} events in the journal")
            back = rig.seconds()
            await asyncio.to_thread(pair.second.start)
            await first_commit(rig, since=back)
            await rig.settle()
            await until(partial(has_no_problem, rig), "a health without a problem")
    rig.reports[:] = [rig.reports[0], rig.reports[-1]]


@trial(
    "cancelled",
    "synchronous pair: the wait for a dead standby is cancelled (`pg_cancel_backend`), then a failover to that standby",
    short=0,
    long=20,
)
async def wait_cancelled(rig: Rig, times: int) -> None:
    """PostgreSQL answers COMMIT with a warning, and the standby has nothing of it. No journal may hide an acknowledgement."""
    pair = await pair_of(rig, is_synchronous=True)
    rig.gateway.configure(JOURNAL__MAX_BYTES="0")
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(0.5, 1.5)
        await asyncio.to_thread(pair.second.kill)
        for number in range(1, times + 1):
            await until(partial(_cancels_one, pair.first), "a commit that waits")
            await until(partial(_has_warned, rig, number), "the warning in the log")
            rig.happened(rig.gateway.log_lines(_WARNING))
        only_here = pair.first.value("select count(*) from uplink")
        await asyncio.to_thread(pair.first.kill)
        died = rig.seconds()
        await asyncio.to_thread(pair.second.start)
        missing = int(only_here) - pair.second.value("select count(*) from uplink")
        assert missing > 0
        await asyncio.to_thread(pair.second.promote)
        await asyncio.to_thread(pair.second.demand_no_standby)
        await first_commit(rig, since=died)
        rig.reports.append(
            f'log: "canceling wait for synchronous replication"; {missing:,} rows were on the dead primary alone, and the'
            " broker had them still"
        )


async def _cancels_one(server: PairMember) -> bool:
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        found = await (await connection.execute(f"select pg_cancel_backend(pid) {WAITING} limit 1")).fetchall()
    return bool(found)


async def _has_warned(rig: Rig, times: int) -> bool:
    return len(rig.gateway.log_lines(_WARNING)) >= times
