"""pg_auto_failover of Debian."""

import asyncio

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import migrating
from parking_gateway.store.pool import opened
from tests.databases.failover_tool import FailoverTool
from tests.databases.pairs import first_commit, use
from tests.databases.registry import trial
from tests.databases.trials.pair import PER_SECOND
from tests.plugins.car_park import build
from tests.proof.rig import Rig


@trial("autofailover", "pg_auto_failover: `kill -9` of the primary's postmaster, its keeper lives", short=0, long=2)
async def postmaster_killed(rig: Rig, times: int) -> None:
    """The keeper starts it again, or the monitor promotes the other one."""
    tool = await _cluster(rig)
    async with rig.load.steady(PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            primary = tool.with_state("primary")
            died = rig.seconds()
            rig.happened(await asyncio.to_thread(tool.kill_postmaster, primary))
            await first_commit(rig, since=died)
            await asyncio.to_thread(tool.wait_for, "primary", "secondary")
            rig.reports.append("failover" if tool.with_state("primary") != primary else "started again by its keeper")
            await rig.settle()


@trial(
    "autofailover",
    "pg_auto_failover with waits of 5 s: `kill -9` of everything on the primary's machine",
    short=0,
    long=1,
)
async def machine_killed(rig: Rig, times: int) -> None:
    """With the defaults, 20 and 30 s, it takes most of a minute."""
    tool = await _cluster(rig)
    await asyncio.to_thread(tool.tune)
    async with rig.load.steady(PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            primary = tool.with_state("primary")
            died = rig.seconds()
            rig.happened(not await asyncio.to_thread(tool.kill_machine, primary))
            await first_commit(rig, since=died)
            back = rig.seconds()
            tool.run(primary)
            await asyncio.to_thread(tool.wait_for, "primary", "secondary")
            assert tool.with_state("secondary") == primary
            rig.reports.append(f"the old primary is a secondary {rig.seconds() - back:.0f} s after its start")
            await rig.settle()


@trial("autofailover", "pg_auto_failover: `pg_autoctl perform switchover`", short=0, long=1)
async def switched_over(rig: Rig, times: int) -> None:
    tool = await _cluster(rig)
    async with rig.load.steady(PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            primary, began = tool.with_state("primary"), rig.seconds()
            await asyncio.to_thread(tool.switch_over)
            await first_commit(rig, since=began)
            await asyncio.to_thread(tool.wait_for, "primary", "secondary")
            rig.happened(tool.with_state("secondary") == primary)
            await rig.settle()


@trial("autofailover", "pg_auto_failover: `kill -9` of everything on the standby's machine", short=0, long=1)
async def standby_killed(rig: Rig, times: int) -> None:
    """Commits wait until the monitor takes it out of the quorum."""
    tool = await _cluster(rig)
    async with rig.load.steady(PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            standby, died = tool.with_state("secondary"), rig.seconds()
            rig.happened(not await asyncio.to_thread(tool.kill_machine, standby))
            await first_commit(rig, since=died)
            tool.run(standby)
            await asyncio.to_thread(tool.wait_for, "primary", "secondary")
            await rig.settle()


@trial("autofailover", "pg_auto_failover: `kill -9` of everything on the monitor's machine", short=0, long=1)
async def monitor_killed(rig: Rig, times: int) -> None:
    """It has no effect, besides that there is no failover from then on."""
    tool = await _cluster(rig)
    async with rig.load.steady(PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            died = rig.seconds()
            rig.happened(not await asyncio.to_thread(tool.kill_machine, "monitor"))
            await first_commit(rig, since=died)
            await rig.pause(3, 5)
            await rig.settle()


async def _cluster(rig: Rig) -> FailoverTool:
    """A cluster with the car park of the rig, and a gateway that runs on it."""
    folder = rig.folder / "auto_failover"
    tool = FailoverTool(folder)
    folder.mkdir(mode=0o755)
    rig.afterwards.callback(tool.stop)
    await asyncio.to_thread(tool.start)
    async with opened(tool.url, DatabaseConfig()) as pool:
        await migrating.upgrade(pool.engine)
        await build(pool.engine, len(rig.devices))
    use(rig, tool.url, DATABASE__CONNECT_TIMEOUT="2")
    await rig.start_gateway()
    return tool
