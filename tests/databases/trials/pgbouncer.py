"""PgBouncer between the gateway and PostgreSQL: it dies, it pauses, and the server behind it changes."""

import asyncio
from functools import partial

from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.process.config import DatabaseConfig
from tests.databases.cost import seconds_by
from tests.databases.pairs import first_commit, pair_of
from tests.databases.poolers import bouncer_before, recognises_pooler
from tests.databases.registry import trial
from tests.databases.trials.pair import PER_SECOND, fail_over
from tests.proof.rig import Rig
from tests.whole_gateway import until

_KILLED = -9


@trial("pgbouncer", "PgBouncer in session mode: `kill -9`, and its start after 1 s", short=0, long=5)
async def killed_in_session_mode(rig: Rig, times: int) -> None:
    await _killed(rig, times, mode="session")


@trial(
    "pgbouncer",
    "PgBouncer in transaction mode, `database.prepare = false`: `kill -9`, and its start after 1 s",
    short=1,
    long=5,
)
async def killed_in_transaction_mode(rig: Rig, times: int) -> None:
    await _killed(rig, times, mode="transaction")


async def _killed(rig: Rig, times: int, *, mode: str) -> None:
    bouncer = await bouncer_before(rig, mode=mode)
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        for number in range(times):
            await rig.pause(0.5, 1.5)
            rig.happened(await asyncio.to_thread(bouncer.kill) == _KILLED)
            if times > 1:
                await asyncio.sleep(1)
            began = rig.seconds()
            await asyncio.to_thread(bouncer.start)
            await first_commit(rig, since=began)
            await rig.settle()
            if not number:
                await recognises_pooler(rig)


@trial("pgbouncer", "PgBouncer in transaction mode: PAUSE for 3 s and RESUME, then RECONNECT", short=0, long=5)
async def paused(rig: Rig, times: int) -> None:
    bouncer = await bouncer_before(rig, mode="transaction")
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            await asyncio.to_thread(bouncer.order, "PAUSE")
            await asyncio.sleep(3)
            rig.happened(await asyncio.to_thread(bouncer.waiting))
            began = rig.seconds()
            await asyncio.to_thread(bouncer.order, "RESUME")
            await first_commit(rig, since=began)
            await asyncio.to_thread(bouncer.order, "RECONNECT")
            await rig.settle()


@trial(
    "pgbouncer",
    "synchronous pair behind PgBouncer in transaction mode: failover, and PgBouncer leads to the promoted server",
    short=0,
    long=1,
)
async def failed_over_behind(rig: Rig, times: int) -> None:
    """The gateway's URL does not change, and its connections to PgBouncer may stay."""
    assert times == 1
    pair = await pair_of(rig, is_synchronous=True)
    # By default, PgBouncer waits for 15 s after a server has refused it.
    bouncer = await bouncer_before(rig, mode="transaction", more="server_login_retry = 1", port=pair.first.port)
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(1, 2)
        died = rig.seconds()
        await asyncio.to_thread(fail_over, pair.first, pair.second)
        rig.happened(pair.second.value("select not pg_is_in_recovery()"))
        await asyncio.to_thread(bouncer.lead_to, LOCALHOST, pair.second.port)
        await first_commit(rig, since=died)
        await rig.settle()


@trial(
    "pgbouncer",
    "`query_timeout` of PgBouncer cancels commits that wait for a dead standby; then a failover to that standby",
    short=0,
    long=1,
)
async def query_timed_out(rig: Rig, times: int) -> None:
    """No journal may hide an acknowledgement."""
    assert times == 1
    pair = await pair_of(rig, is_synchronous=True)
    bouncer = await bouncer_before(
        rig, mode="transaction", more="query_timeout = 3\nserver_login_retry = 1", port=pair.first.port
    )
    rig.gateway.configure(JOURNAL__MAX_BYTES="0")
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(1, 2)
        await asyncio.to_thread(pair.second.kill)
        await until(partial(_has_cancelled, rig), "a commit that PgBouncer has ended")
        rig.happened(await _has_cancelled(rig))
        await asyncio.to_thread(pair.first.kill)
        died = rig.seconds()
        await asyncio.to_thread(pair.second.start)
        await asyncio.to_thread(pair.second.promote)
        await asyncio.to_thread(pair.second.demand_no_standby)
        await asyncio.to_thread(bouncer.lead_to, LOCALHOST, pair.second.port)
        await first_commit(rig, since=died)
        await rig.settle()


async def _has_cancelled(rig: Rig) -> bool:
    return "query timeout" in (rig.folder / "pgbouncer/log").read_text()


@trial("pgbouncer", "the cost of PgBouncer in transaction mode with `database.prepare = false`", short=0, long=1)
async def cost(rig: Rig, times: int) -> None:
    """Of a lone uplink, and of one in a backlog."""
    assert times == 1
    bouncer = await bouncer_before(rig, mode="transaction")
    ways = {
        "direct": (rig.server.url, DatabaseConfig()),
        "pooled": (bouncer.url("parking"), DatabaseConfig(prepare=False)),
    }
    lone = await seconds_by(rig, ways, batch=1, times=300)
    backlog = await seconds_by(rig, ways, batch=1000, times=30)
    rig.happened(lone["pooled"] > lone["direct"])
    await rig.start_gateway()
    await rig.load.burst(100)
    more = {name: found["pooled"] - found["direct"] for name, found in (("lone", lone), ("backlog", backlog))}
    rig.reports.append(
        f"a lone uplink {lone['direct'] * 1e3:.2f} ms, {more['lone'] * 1e3:+.2f} ms with PgBouncer; in a backlog"
        f" {backlog['direct'] * 1e3:.0f} µs an uplink, {more['backlog'] * 1e3:+.1f} µs"
    )
