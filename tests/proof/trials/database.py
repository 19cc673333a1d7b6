"""The database dies, hangs or refuses."""

import asyncio
import os
import signal

import psycopg

from tests.proof.rig import Rig
from tests.proof.trial import trial

_PER_SECOND = 400
_OTHERS = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = 'parking' and pid <> pg_backend_pid()"

_ONE = "select pid from pg_stat_activity where application_name = 'parking-gateway' limit 1"
_CRASHED = "was terminated by signal 9"


@trial("T3", "`pg_terminate_backend` of all connections every second", short=3, long=60)
async def terminated(rig: Rig, times: int) -> None:
    """No voice has to report it, because the gateway connects again within a second."""
    await rig.start_gateway()
    async with (
        rig.load.steady(_PER_SECOND),
        await psycopg.AsyncConnection.connect(rig.server.url, autocommit=True) as connection,
    ):
        for _ in range(times):
            await rig.pause(0.9, 1.1)
            ((terminated,),) = await (await connection.execute(_OTHERS)).fetchall()
            rig.happened(terminated > 0)
            await rig.recover()


@trial("T3", "immediate stop of the server, and its start", short=0, long=10)
async def stopped(rig: Rig, times: int) -> None:
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 2)
            await asyncio.to_thread(rig.server.stop)
            await rig.reports_missing("database")
            rig.happened(not rig.server.is_running)
            await asyncio.to_thread(rig.server.start)
            await rig.recover()


@trial("T3", "`kill -9` of a backend: the server ends all connections and recovers", short=1, long=20)
async def backend_killed(rig: Rig, times: int) -> None:
    """No voice has to report it, because it takes less than a second."""
    log = rig.folder / "postgresql/log"
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 2)
            crashes = log.read_text().count(_CRASHED)
            async with await psycopg.AsyncConnection.connect(rig.server.url) as connection:
                found = await (await connection.execute(_ONE)).fetchone()
            assert found, "the gateway has no connection"
            os.kill(found[0], signal.SIGKILL)
            await rig.recover()
            rig.happened(log.read_text().count(_CRASHED) > crashes)
