"""The primary of a synchronous pair dies, and its standby is promoted."""

import asyncio
import json
from functools import partial

from parking_gateway.store.known_server import CHANGED
from tests.plugins.pair import Pair
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import until

_PER_SECOND = 400
_NO_STANDBY = "Every commit waits for a standby"


@trial(
    "T20", "`kill -9` of the primary of a synchronous pair, its standby promoted, the old one rebuilt", short=0, long=5
)
async def primary_killed(rig: Rig, times: int) -> None:
    """The promoted server has inherited `synchronous_standby_names`, so it commits once the old one follows it."""
    pair = await asyncio.to_thread(_pair, rig)
    primary, standby = pair.first, pair.second
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for number in range(1, times + 1):
            await rig.pause(0.5, 2)
            await asyncio.to_thread(primary.kill)
            await asyncio.to_thread(standby.promote)
            primary, standby = standby, primary
            await _reports_absent_standby(rig)
            await asyncio.to_thread(standby.rebuild, primary)
            await rig.recover()
            rig.happened(len(rig.gateway.log_lines(CHANGED)) == number)


def _pair(rig: Rig) -> Pair:
    """A pair with the data of the rig's server, instead of that server."""
    rig.server.stop()
    folder = rig.folder / "pair"
    folder.mkdir(mode=0o755)
    pair = Pair(rig.folder / "postgresql", folder)
    rig.afterwards.callback(pair.stop)
    pair.start()
    pair.be_synchronous()
    rig.server.url = pair.url
    rig.gateway.configure(
        DATABASE__URL=pair.url, DATABASE__RECONNECT_WAIT_MIN="0.1", DATABASE__RECONNECT_WAIT_MAX="0.3"
    )
    return pair


async def _reports_absent_standby(rig: Rig) -> None:
    began = rig.seconds()
    await until(partial(_has_problem, rig), "a problem with the standby")
    seconds = rig.seconds() - began
    (check,) = [check for check in await rig.doctor() if check["about"] == "standby"]
    assert check["verdict"] == "wrong", check
    rig.reports.append(f'"{_NO_STANDBY}" within {max(1, round(seconds))} s; doctor: standby wrong')


async def _has_problem(rig: Rig) -> bool:
    _, body = await asyncio.to_thread(rig.gateway.page, "/readyz")
    return any(_NO_STANDBY in problem for problem in json.loads(body).get("problems", []))
