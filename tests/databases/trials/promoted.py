"""Servers that are not what the URL promises: two that accept writes, one that does not, one on a later timeline."""

import asyncio
from functools import partial

from tests.databases.pairs import first_commit, has_reason, ids_of, pair_of, reports_problem, use
from tests.databases.registry import trial
from tests.databases.trials.pair import PER_SECOND, TIMELINE, fail_over, rebuild
from tests.proof.rig import Rig
from tests.whole_gateway import until

_ACCEPTS_WRITES = "select not pg_is_in_recovery()"
_READ_ONLY = "The server is a standby or read-only"
_WEAK = "No commit waits for the standby"


@trial(
    "promoted", "asynchronous pair: the standby is promoted while the primary lives and accepts writes", short=0, long=1
)
async def asynchronous_and_primary_lives(rig: Rig, times: int) -> None:
    await _promoted(rig, times, is_synchronous=False)


@trial(
    "promoted", "synchronous pair: the standby is promoted while the primary lives and accepts writes", short=0, long=1
)
async def synchronous_and_primary_lives(rig: Rig, times: int) -> None:
    await _promoted(rig, times, is_synchronous=True)


async def _promoted(rig: Rig, times: int, *, is_synchronous: bool) -> None:
    """The gateway finds the promoted server, although its connections to the old primary stand."""
    assert times == 1
    pair = await pair_of(rig, is_synchronous=is_synchronous)
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(0.5, 1.5)
        promoted = rig.seconds()
        await asyncio.to_thread(pair.second.promote)
        await asyncio.to_thread(pair.second.demand_no_standby)
        rig.server.url = pair.second.url
        await first_commit(rig, since=promoted)
        rig.happened(pair.first.value(_ACCEPTS_WRITES) and pair.second.value(_ACCEPTS_WRITES))
        # What was recorded before is on the old primary alone.
        await rig.settle(after=len(rig.ledger.confirmed))
    rig.lost_with_server = (ids_of(pair.first) - ids_of(pair.second)) & rig.ledger.confirmed.keys()
    assert not (is_synchronous and rig.lost_with_server)
    rig.reports.append(f"{len(rig.lost_with_server):,} were written to the old primary meanwhile")


@trial("readonly", "the URL names the standby alone; then `default_transaction_read_only = on`", short=0, long=1)
async def not_writable(rig: Rig, times: int) -> None:
    """Nothing is recorded, and the reason is named with what to do, until the server accepts writes."""
    assert times == 1
    pair = await pair_of(rig, is_synchronous=False)
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(0.5, 1.5)
        await rig.settle()
        assert rig.gateway.terminate() == 0
        use(rig, pair.second.url)
        await asyncio.to_thread(rig.gateway.start)
        await until(partial(has_reason, rig, _READ_ONLY), "the standby as the reason")
        rig.happened(not pair.second.value(_ACCEPTS_WRITES))
        await asyncio.to_thread(pair.first.kill)
        promoted = rig.seconds()
        await asyncio.to_thread(pair.second.promote)
        await first_commit(rig, since=promoted)
        await rig.settle()
        pair.second.execute("alter system set default_transaction_read_only = on", "select pg_reload_conf()")
        await until(partial(has_reason, rig, _READ_ONLY), "the setting as the reason")
        rig.happened(pair.second.value("show default_transaction_read_only") == "on")
        mended = rig.seconds()
        pair.second.execute("alter system reset default_transaction_read_only", "select pg_reload_conf()")
        await first_commit(rig, since=mended)
        await rig.settle()
    rig.reports.append(f'/readyz, twice: "{_READ_ONLY}"')


@trial("replica", "the URL lists the standby first, without `target_session_attrs`; then a failover", short=0, long=1)
async def replica_first(rig: Rig, times: int) -> None:
    assert times == 1
    pair = await pair_of(rig, is_synchronous=True)
    servers = ",".join(f"127.0.0.1:{one.port}" for one in (pair.second, pair.first))
    use(rig, f"postgresql://postgres@{servers}/parking")
    rig.server.url = pair.url
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(0.5, 1.5)
        await rig.settle()
        rig.happened(not pair.second.value(_ACCEPTS_WRITES))
        died = rig.seconds()
        await asyncio.to_thread(fail_over, pair.first, pair.second)
        await first_commit(rig, since=died)
        await rig.settle()


@trial("weak", "synchronous pair, and `alter role … set synchronous_commit = off`", short=0, long=1)
async def role_does_not_wait(rig: Rig, times: int) -> None:
    """A commit waits for neither disk nor standby, so it is named before it costs something."""
    assert times == 1
    pair = await pair_of(rig, is_synchronous=True)
    pair.first.execute("alter role postgres set synchronous_commit = off")
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await reports_problem(rig, _WEAK)
        rig.happened(pair.first.value("show synchronous_commit") == "off")
        pair.first.execute("alter role postgres reset synchronous_commit")


@trial("twice", "synchronous pair: two failovers while the gateway is away", short=0, long=1)
async def twice_while_away(rig: Rig, times: int) -> None:
    """The timeline is higher by two, and the first server of the URL is the primary again."""
    assert times == 1
    pair = await pair_of(rig, is_synchronous=True)
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(0.5, 1.5)
        assert rig.gateway.terminate() == 0
        await asyncio.to_thread(fail_over, pair.first, pair.second)
        await asyncio.to_thread(rebuild, pair.first, pair.second)
        await asyncio.to_thread(fail_over, pair.second, pair.first)
        rig.happened(pair.first.value(TIMELINE) == 3)
        began = rig.seconds()
        await rig.start_gateway()
        await first_commit(rig, since=began)
        await rig.settle()
    shown = rig.gateway.page("/readyz")[1]
    assert "moved from timeline 1 to 3" in shown
    rig.reports.append('/readyz: "moved from timeline 1 to 3"')
