"""The picture and the changes behind it, in a real gateway with a real broker and database."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from tests.events import NOON, OCCUPIED, VACANT, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.web.watching import started, watching
from tests.whole_gateway import publish, unavailable, validate

SPACE = {"site": "central", "zone": "level-1", "space": "A-1"}


def is_space(state: str, name: str = "A-1") -> Any:
    return lambda data: (data["space"], data["state"]) == (name, state)


def is_in_minute(number: int) -> Any:
    minute = f"{NOON + timedelta(minutes=number):%Y-%m-%dT%H:%M}"
    return lambda step: step["at"].startswith(minute)


def core(message: dict[str, Any], *more: str) -> dict[str, Any]:
    """The message without what only the board has."""
    return {name: value for name, value in message.items() if name not in {"position", "plan", "over_at", *more}}


async def test_the_picture_has_the_messages_of_the_contract(daemon: Daemon, broker: Broker, car_park: CarPark) -> None:
    devices = await car_park(3)
    async with started(daemon) as client:
        empty = (await client.get("/board/picture")).json()
        async with watching(client, empty["cursor"]) as watch:
            await publish(broker, [(topic_of(devices[0]), up(devices[0], OCCUPIED, at=0))])
            await watch.until("space", is_space("OCCUPIED"))
        answer = await client.get("/board/picture")
        picture = answer.json()
        assert answer.headers["content-encoding"] == "gzip"
        assert [space["state"] for space in picture["spaces"]] == ["OCCUPIED", "FREE", "FREE"]
        assert [(zone["total"], zone["free"], zone["plan"]) for zone in picture["zones"]] == [(3, 2, None)]
        for kind, schema, *more in (
            ("spaces", "space", "id"),
            ("zones", "counts"),
            ("sites", "counts"),
            ("transitions", "transition"),
        ):
            assert picture[kind]
            for message in picture[kind]:
                validate(schema, core(message, *more))
        (gateway,) = picture["gateways"]
        assert gateway["instance"] == "test"
        validate("health", gateway["health"])
        known = {"If-None-Match": answer.headers["etag"]}
        assert (await client.get("/board/picture", headers=known)).status_code == 304
        plain = await client.get("/board/picture", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.json()["spaces"] == picture["spaces"]
        day = (await client.get("/board/curve", params={"site": "central", "zone": "level-1"})).json()
        assert day[-1]["free"] == 2
        assert (await client.get("/board/curve", params={"site": "nowhere"})).json() == []


async def test_everybody_who_watches_gets_a_change_within_a_second_of_its_uplink(
    daemon: Daemon, broker: Broker, car_park: CarPark
) -> None:
    devices = await car_park(2)
    async with started(daemon) as client:
        cursor = (await client.get("/board/picture")).json()["cursor"]
        async with watching(client, cursor) as one, watching(client, cursor) as other:
            await one.until("gateway")
            await other.until("gateway")
            seconds = []
            for number, (content, state) in enumerate(((OCCUPIED, "OCCUPIED"), (VACANT, "FREE")) * 2):
                began = time.monotonic()
                await publish(broker, [(topic_of(devices[0]), up(devices[0], content, at=number, f_cnt=number))])
                await asyncio.gather(*(watch.until("space", is_space(state)) for watch in (one, other)))
                seconds.append(time.monotonic() - began)
                step = await one.until_seen("transition", is_in_minute(number))
                assert (step.data["to"], step.data["space"]) == (state, "A-1")
            # The fastest, because other tests use the machine at the same time.
            assert min(seconds) < 1.0
            # A row is sent once, although its publication writes it again.
            await publish(broker, [(topic_of(devices[1]), up(devices[1], OCCUPIED, at=0))])
            await one.until("space", is_space("OCCUPIED", "A-2"))
            sent = [
                change.data["version"]
                for change in one.seen
                if change.kind == "space" and change.data["space"] == "A-1"
            ]
            assert sent == sorted(set(sent))


async def test_a_watcher_that_was_away_gets_what_it_missed(
    daemon: Daemon, broker: Broker, car_park: CarPark, engine: AsyncEngine
) -> None:
    """And perhaps once more what it has: everything since the oldest transaction that was open at its cursor."""
    devices = await car_park(3)
    async with started(daemon) as client:
        cursor = (await client.get("/board/picture")).json()["cursor"]
        async with watching(client, cursor) as watch:
            await publish(broker, [(topic_of(devices[0]), up(devices[0], OCCUPIED, at=0))])
            await watch.until("zone", lambda zone: zone["free"] == 2)
            await watch.until_seen("transition")
            last = [change.cursor for change in watch.seen if change.cursor is not None][-1]
        await publish(broker, [(topic_of(devices[1]), up(devices[1], OCCUPIED, at=0))])
        async with watching(client, cursor, last=last) as watch:
            await watch.until("space", is_space("OCCUPIED", "A-2"))
            await watch.until_seen("transition", lambda step: step["space"] == "A-2")
            assert "again" not in [change.kind for change in watch.seen]
            # A command renames one space and removes another one, without the gateway.
            async with engine.begin() as connection:
                await connection.execute(
                    sa.text(
                        "insert into former_name select id, now(), '-infinity', 'central', 'level-1', name from space where name = 'A-3'"
                    )
                )
                await connection.execute(
                    sa.text("update space set name = 'B-3', version = version + 1 where name = 'A-3'")
                )
            removed = await watch.until("removed")
            renamed = await watch.until("space", is_space("FREE", "B-3"))
            assert removed.data == SPACE | {"kind": "space", "space": "A-3", "id": renamed.data["id"]}
            async with engine.begin() as connection:
                await connection.execute(sa.text("insert into zone (site_id, name) select id, 'level-2' from site"))
            await watch.until("again")
        for wrong in ("", "nonsense", "9" * 18 + ".0.0." + "0" * 32):
            async with watching(client, wrong) as watch:
                await watch.until("again")


async def test_watchers_outlast_the_absence_of_broker_and_database(
    daemon: Daemon, broker: Broker, database: str, car_park: CarPark
) -> None:
    devices = await car_park(2)
    async with started(daemon) as client:
        cursor = (await client.get("/board/picture")).json()["cursor"]
        async with watching(client, cursor) as watch:
            broker.stop()
            await watch.until("gateway", lambda gateway: gateway["health"]["broker"] == "down")
            broker.start()
            await watch.until("gateway", lambda gateway: gateway["health"]["broker"] == "up")
            async with unavailable(database):
                await publish(broker, [(topic_of(devices[0]), up(devices[0], OCCUPIED, at=0))])
                await watch.until("gateway", lambda gateway: gateway["health"]["database"] == "down")
                refused = await client.get("/board/picture")
                assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
                async with watching(client, cursor) as late:
                    await late.until("gateway", lambda gateway: gateway["health"]["database"] == "down")
            await watch.until("space", is_space("OCCUPIED"))
            assert "again" not in [change.kind for change in watch.seen]


async def test_watchers_see_when_another_gateway_was_last_there(
    daemon: Daemon, second_daemon: Daemon, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(1)
    async with started(daemon) as client:
        cursor = (await client.get("/board/picture")).json()["cursor"]
        async with watching(client, cursor) as watch:
            await watch.until("gateways", lambda others: others == [])
            await asyncio.to_thread(second_daemon.start_and_wait)
            there = await watch.until("gateways", lambda others: others and others[0]["watched_at"] is not None)
            assert [(one["instance"], one["health"]) for one in there.data] == [("second", None)]
            # Whoever connects again gets it at once, because its own time of the gateway has grown old.
            async with watching(client, cursor) as late:
                assert (await late.until("gateways")).data[0]["watched_at"] >= there.data[0]["watched_at"]
            await asyncio.to_thread(second_daemon.terminate)
            async with engine.begin() as connection:
                await connection.execute(sa.text("delete from gateway where instance = 'second'"))
            await watch.until("gateways", lambda others: others == [])


async def test_the_end_of_the_gateway_ends_all_streams_by_itself(daemon: Daemon, car_park: CarPark) -> None:
    """A stream that the server has to cut off after its limit ends without its last chunk, which httpx refuses."""
    await car_park(1)
    daemon.configure(WEB__WATCHERS="2")
    async with started(daemon) as client, watching(client) as one, watching(client) as other:
        await one.until("again")
        await other.until("again")
        async with watching(client) as third:
            assert third.response.status_code == 503
        status, *_ = await asyncio.gather(asyncio.to_thread(daemon.terminate), one.ends(), other.ends())
        assert status == 0
