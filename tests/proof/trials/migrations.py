"""The schema goes down and up again, with data and under load."""

import asyncio
from typing import Final

import psycopg

from parking_gateway.store.schema import newest, revisions
from tests import forked
from tests.plugins.daemon import Daemon, daemon_in
from tests.proof.rig import Rig
from tests.proof.trial import trial

_PER_SECOND: Final = 200
_DOWN: Final = (2, 3, 6)
"""How many revisions it goes down and comes up, in turn."""


@trial("T14", "the schema taken down and up again, with data and under load", short=0, long=3)
async def down_and_up(rig: Rig, times: int) -> None:
    """The gateway is stopped meanwhile, as the documentation says."""
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for number in range(times):
            await rig.pause(1, 2)
            await _take_down(rig, sorted(revisions())[-_DOWN[number % len(_DOWN)]])
            await _migrate(rig)
            rig.happened(_revision(rig) == newest())
            await rig.restart_gateway()


@trial("T14", "two gateways and two `migrate` bring the schema up at once, with data and under load", short=0, long=3)
async def up_at_once(rig: Rig, times: int) -> None:
    """Both gateways receive every event, so that each event comes twice."""
    with daemon_in(rig.folder, rig.server.url, rig.broker, "second") as second:
        await rig.start_gateway()
        async with rig.load.steady(_PER_SECOND):
            for number in range(times):
                await rig.pause(1, 2)
                await _take_down(rig, sorted(revisions())[-_DOWN[number % len(_DOWN)]])
                began = rig.seconds()
                gateways: tuple[Daemon, ...] = (rig.gateway, second)
                for one in gateways:
                    one.start("--migrate")
                await asyncio.gather(_migrate(rig), _migrate(rig))
                for one in gateways:
                    await asyncio.to_thread(one.wait_until, "READY=1")
                rig.happened(_revision(rig) == newest())
                await rig.recover(since=began)
                assert await asyncio.to_thread(second.terminate) == 0


async def _take_down(rig: Rig, revision: str) -> None:
    await asyncio.to_thread(rig.gateway.terminate)
    await _migrate(rig, "--down-to", revision)
    assert _revision(rig) == revision
    rig.reports.append(f"down to {revision}")


async def _migrate(rig: Rig, *arguments: str) -> None:
    done = await asyncio.to_thread(forked.run, "migrate", *arguments, env=rig.gateway.environment)
    assert done.returncode == 0, done.stderr


def _revision(rig: Rig) -> str:
    with psycopg.connect(rig.server.url) as connection:
        ((revision,),) = connection.execute("select version_num from alembic_version").fetchall()
    return str(revision)
