"""A pair of servers in a rig, and what a failover is measured by."""

import asyncio
import json
from functools import partial
from uuid import UUID

import psycopg

from tests.plugins.pair import Pair, PairMember
from tests.proof.rig import Rig
from tests.whole_gateway import until

_RECONNECT = {"DATABASE__RECONNECT_WAIT_MIN": "0.1", "DATABASE__RECONNECT_WAIT_MAX": "0.3"}


async def pair_of(rig: Rig, *, is_synchronous: bool) -> Pair:
    """A pair with the data of the rig's server, instead of that server."""
    return await asyncio.to_thread(_pair, rig, is_synchronous=is_synchronous)


def _pair(rig: Rig, *, is_synchronous: bool) -> Pair:
    rig.server.stop()
    folder = rig.folder / "pair"
    folder.mkdir(mode=0o755)
    pair = Pair(rig.folder / "postgresql", folder)
    rig.afterwards.callback(pair.stop)
    pair.start()
    if is_synchronous:
        pair.be_synchronous()
    use(rig, pair.url)
    return pair


def use(rig: Rig, url: str, **settings: str) -> None:
    """Let the gateway, the counts and everything else use this database."""
    rig.server.url = url
    rig.gateway.configure(DATABASE__URL=url, **_RECONNECT, **settings)


async def first_commit(rig: Rig, *, since: float) -> None:
    """Note the seconds until the server that can be written to has a row more than at the first look at it."""
    counts: list[int] = []

    async def has_committed() -> bool:
        try:
            counts.append(await asyncio.to_thread(_uplinks, rig.server.url))
        except psycopg.OperationalError:  # there is none yet
            return False
        return counts[-1] > counts[0]

    await until(has_committed, "a commit")
    rig.recovered.append(rig.seconds() - since)


def _uplinks(url: str) -> int:
    with psycopg.connect(url, connect_timeout=2) as connection:
        (found,) = connection.execute("select count(*) from uplink").fetchone() or (0,)
        return int(found)


def ids_of(server: PairMember) -> set[UUID]:
    """Of the uplinks that it has."""
    with psycopg.connect(server.url) as connection:
        return {one for (one,) in connection.execute("select deduplication_id from uplink")}


async def reports_problem(rig: Rig, sentence: str, *, check: str = "standby") -> None:
    """Wait until /readyz and the retained health have a problem with this text, and note it with the word of `doctor`."""
    began = rig.seconds()
    await until(partial(has_problem, rig, sentence), f"a problem: {sentence}")
    seconds = rig.seconds() - began
    (found,) = [one for one in await rig.doctor() if one["about"] == check]
    assert found["verdict"] == "wrong", found
    rig.reports.append(f'"{sentence}" within {max(1, round(seconds))} s; doctor: {check} wrong')


async def has_problem(rig: Rig, sentence: str) -> bool:
    """Whether /readyz and the retained health have a problem with this text."""
    _, body = await asyncio.to_thread(rig.gateway.page, "/readyz")
    health = await rig.health() or {}
    return all(any(sentence in one for one in page.get("problems", [])) for page in (json.loads(body), health))


async def has_no_problem(rig: Rig) -> bool:
    """Whether /readyz has no problem."""
    _, body = await asyncio.to_thread(rig.gateway.page, "/readyz")
    return not json.loads(body).get("problems", [])


async def has_reason(rig: Rig, sentence: str) -> bool:
    """Whether /readyz names a reason with this text."""
    try:
        _, body = await asyncio.to_thread(rig.gateway.page, "/readyz")
    except OSError:  # it starts
        return False
    return any(sentence in one for one in json.loads(body).get("why", []))
