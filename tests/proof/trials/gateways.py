"""Several gateways: with one client id, and on one shared subscription."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from itertools import pairwise

import psycopg

from tests.plugins.daemon import Daemon
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import until

_PER_SECOND = 400
_CLIENT_ID = "mqtt.client_id"
_LONG_PAUSE = 4.0
"""Seconds between two connections of one of them. At first it is less than one."""
_DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"
_RECORDED = "parking_gateway_uplinks_recorded_total"


@trial("T8", "a second process with the same client id, until it goes", short=0, long=5)
async def rival(rig: Rig, times: int) -> None:
    """The broker throws out the one when the other connects. They do so less and less often, and both report it."""
    await rig.start_gateway()
    with rig.another_gateway("rival", MQTT__CLIENT_ID="parking-gateway-test") as other:
        both = (rig.gateway, other)
        async with rig.load.steady(_PER_SECOND):
            for _ in range(times):
                before = [len(_connections(one)) for one in both]
                await asyncio.to_thread(other.start_and_wait)
                for one in both:
                    await until(partial(_complains, one), "a complaint about the other client")
                await _name_each_other(rig)
                await until(partial(_wait_longer, both, before), "a longer wait between two connections")
                rig.happened(all(len(_connections(one)) >= few + 2 for one, few in zip(both, before, strict=True)))
                assert await asyncio.to_thread(other.terminate) == 0
                await rig.recover()
                # Without this, its next rival would meet one that waits for up to a minute already.
                assert await asyncio.to_thread(rig.gateway.terminate) == 0
                await rig.start_gateway()
        connections = sum(len(_connections(one)) for one in both)
    assert "Traceback" not in rig.gateway.log.read_text() + other.log.read_text()
    rig.reports.append(f"{connections} connections of both in all; the wait grows beyond {_LONG_PAUSE:.0f} s")


async def _name_each_other(rig: Rig) -> None:
    """`doctor` passes on what the running gateway reports."""
    checks = await rig.doctor()
    assert [check["verdict"] for check in checks if _CLIENT_ID in check["detail"]] == ["wrong"], checks
    rig.reports.append("log, `/readyz` and doctor of both name `mqtt.client_id`")


def _connections(gateway: Daemon) -> list[datetime]:
    if not gateway.log.exists():
        return []  # not started yet
    return [datetime.fromisoformat(str(line["time"])) for line in gateway.log_lines("Connected to the broker")]


async def _complains(gateway: Daemon) -> bool:
    _, page = await asyncio.to_thread(gateway.page, "/readyz")
    return _CLIENT_ID in page and f"the same {_CLIENT_ID}" in gateway.log.read_text()


async def _wait_longer(both: Sequence[Daemon], before: Sequence[int]) -> bool:
    for one, few in zip(both, before, strict=True):
        pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(_connections(one)[few:])]
        if max(pauses, default=0) < _LONG_PAUSE:
            return False
    return True


@trial("T17", "three gateways on a shared subscription, `kill -9` of one of them", short=2, long=30)
async def shared(rig: Rig, times: int) -> None:
    """The others go on. What was delivered to the killed one is delivered to it again, and the end is that of one gateway."""
    rig.gateway.configure(MQTT__SHARED_GROUP="gateways")
    with ExitStack() as stack:
        others = [
            stack.enter_context(rig.another_gateway(name, MQTT__SHARED_GROUP="gateways"))
            for name in ("second", "third")
        ]
        gateways = [rig.gateway, *others]
        for one in gateways:
            await asyncio.to_thread(one.start_and_wait)
        async with rig.load.steady(_PER_SECOND):
            for _ in range(times):
                await rig.pause(0.5, 1.5)
                if not rig.times:
                    assert all(one.metric(_RECORDED) for one in gateways), "one of them receives nothing"
                killed = rig.dice.choice(gateways)
                killed.kill()
                rig.happened(killed.wait() == -9)
                began = rig.seconds()
                await asyncio.to_thread(killed.start_and_wait)
                await rig.recover(since=began)
        counts = await rig.count()
        assert counts.is_right, counts
        with psycopg.connect(rig.server.url) as connection:
            assert connection.execute(_DEADLOCKS).fetchone() == (0,)
        rig.reports.append("0 deadlocks")


@trial("T17", "another `mqtt.shared_group` at each start", short=0, long=10)
async def regrouped(rig: Rig, times: int) -> None:
    """The subscription of the last start is gone from the session, so that each event comes once."""
    rig.configure_broker("log_type all\n")
    await rig.start_gateway()
    for number in range(times):
        assert await asyncio.to_thread(rig.gateway.terminate) == 0
        rig.gateway.configure(MQTT__SHARED_GROUP=f"group-{number}")
        began = rig.seconds()
        await rig.start_gateway()
        await rig.load.burst(100)
        await rig.recover(since=began)
        assert rig.gateway.metric("parking_gateway_duplicates_total") == 0
        ended = rig.broker.log.read_text().count("Received UNSUBSCRIBE from parking-gateway-test\n")
        rig.happened(ended > number)
    rig.reports.append("no event came twice")
