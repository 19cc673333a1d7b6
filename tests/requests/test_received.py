"""Requests from the broker, on a real database: carried out once, answered once, and none of them stops anything."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.broker.message import Message, retained
from parking_gateway.broker.reasons import Refusal as PublicationRefused
from parking_gateway.contract.publication import MessageProperties, Publication
from parking_gateway.core.committed import Committed
from parking_gateway.core.outgoing import Reply
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config, DatabaseConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.requests.received import Requests
from parking_gateway.requests.verbs import verbs
from parking_gateway.store import outgoing
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience, StopRequested
from parking_gateway.store.pool import Pool, pool_for
from tests.plugins.car_park import CarPark

NOW = datetime.now(UTC)
SPACE = {"site": "central", "zone": "level-1", "space": "A-1"}
ON = SPACE | {"on": True}


def message(verb: str, payload: Any, *, mid: int = 1, is_redelivered: bool = False, **properties: Any) -> Message:
    encoded = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    given = MessageProperties(**properties)
    topic = f"parking/v1/request/{verb}"
    return Message(topic, encoded, mid, 1, is_redelivered=is_redelivered, properties=given)


class Gateway:
    """The part of a gateway that answers requests."""

    def __init__(
        self, database: Database, *, is_away: bool = False, mqtt: dict[str, str] | None = None, **settings: Any
    ) -> None:
        self.commits: list[Committed] = []
        self.answered: list[tuple[str, str, str]] = []
        self.at_once: list[Publication] = []
        self.stop = asyncio.Event()
        wait = Backoff(shortest=timedelta(seconds=0.01), longest=timedelta(seconds=0.05))
        self.requests = Requests(
            Config.model_validate({"requests": settings, "mqtt": mqtt or {}}),
            database=database,
            patience=Patience(database, backoff=wait, stop=self.stop, report=lambda _purpose, _failure: None),
            decoder=Decoder(),
            clock=lambda: NOW,
            is_away=lambda: is_away,
            report=self.commits.append,
            answered=lambda *answered: self.answered.append(answered),
        )
        self.requests.publish = self._publish

    async def _publish(self, publications: Sequence[Publication]) -> list[PublicationRefused]:
        self.at_once += publications
        return []

    @property
    def outcomes(self) -> list[str]:
        """Of all requests, in their order."""
        return [outcome for _, outcome, _ in self.answered]


async def replies(pool: Pool) -> list[tuple[str, Any]]:
    """The topics and the payloads of the replies that wait for the outbox, and take them from it."""
    async with pool.connect() as connection:
        _, due = await connection.together(outgoing.claim("test"), outgoing.page("test", limit=1000))
        await connection.commit_together(outgoing.delete([one.id for one in due]))
    found = [one.message for one in due if isinstance(one.message, Reply)]
    return [(one.topic, json.loads(one.payload)) for one in found]


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(sa.text(query))]


async def test_a_request_is_carried_out_and_its_reply_is_written_with_it(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(1)
    gateway = Gateway(pool)
    asked = message("space/maintenance", ON | {"by": "anna", "transaction": 7}, response_topic="desk/1")
    await gateway.requests.commit([asked])
    assert await replies(pool) == [
        ("desk/1", {"status": "ok", "data": {"spaces": 1, "changed": 1}, "transaction": 7}),
    ]
    assert await rows(engine, "select state, cause from space") == [("MAINTENANCE", "maintenance by anna")]
    assert await rows(engine, "select verb, by, at, outcome from request") == [("space/maintenance", "anna", NOW, "ok")]
    assert gateway.answered == [("space/maintenance", "ok", "anna")]
    (committed,) = gateway.commits
    assert (len(committed.steps), len(committed.changed), committed.outgoing) == (1, 1, 1)


async def test_a_request_that_is_refused_changes_nothing_and_is_answered(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    await car_park(1)
    gateway = Gateway(pool)
    asked = [
        message("space/maintenance", ON | {"space": "B"}),
        message("space/fly", {}),
        message("space/maintenance", b"on"),
        message("space/maintenance", ON | {"reason": "x" * 501}),
        message("space/get", ON, response_topic="parking/v1/spaces/central/level-1/A-1"),
        message("space/maintenance", ON | {"reason": "x" * 20_000}),
        message("space/get", SPACE | {"space": "A\0"}),
    ]
    await gateway.requests.commit(asked)
    answers = await replies(pool)
    codes = ["not_found", "unknown_verb", "malformed", "invalid", "invalid", "too_large", "invalid"]
    assert [payload["error"]["code"] for _, payload in answers] == codes == gateway.outcomes
    assert {topic for topic, _ in answers} == {
        f"parking/v1/response/{verb}" for verb in ("space/maintenance", "space/fly", "space/get")
    }
    assert await rows(engine, "select count(*) from transition") == [(0,)]
    assert [outcome for (outcome,) in await rows(engine, "select outcome from request order by id")] == codes
    assert {verb for verb, _, _ in gateway.answered} == {"space/maintenance", "space/get", "unknown"}


async def test_a_request_that_is_delivered_again_is_not_carried_out_twice(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Only one that was committed. And the same request with another packet id is another request, as is one without the mark."""
    await car_park(1)
    before, gateway = Gateway(pool), Gateway(pool)
    first = message("space/get", SPACE, correlation_data=b"1")
    await before.requests.commit([first])
    assert len(await replies(pool)) == 1
    again = msgspec.structs.replace(first, is_redelivered=True)
    await gateway.requests.commit(
        [
            again,
            msgspec.structs.replace(again, mid=2),
            message("space/get", SPACE, correlation_data=b"2", is_redelivered=True),
            first,
        ]
    )
    assert gateway.outcomes == ["repeated", "ok", "ok", "ok"]
    assert len(await replies(pool)) == 3
    assert len(await rows(engine, "select from request")) == 4


async def test_of_two_gateways_without_a_shared_subscription_one_carries_a_request_out(
    pool: Pool, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Whichever is first, also with a request that is made twice, and with a gateway that was away meanwhile."""
    await car_park(1)
    one, other = (Gateway(pool, mqtt={"client_id": name}) for name in ("one", "other"))
    async with engine.begin() as connection:
        sessions = "insert into broker_session (client_id, filters, began_at) select :name, '{}', :at"
        for name in ("one", "other"):
            await connection.execute(sa.text(sessions), {"name": name, "at": NOW})
    on, off = (message("space/maintenance", ON | {"on": is_on}, mid=mid) for mid, is_on in ((1, True), (2, False)))
    await asyncio.gather(one.requests.commit([on]), other.requests.commit([on]))
    assert sorted((*one.outcomes, *other.outcomes)) == ["ok", "repeated"]
    await one.requests.commit([off, on, off])
    await other.requests.commit([off, on, off])
    assert other.outcomes[1:] == ["repeated"] * 3
    assert await rows(engine, "select count(*) from transition") == [(4,)]
    assert len(await replies(pool)) == 4
    await other.requests.commit([on])
    await one.requests.commit([on])
    assert (other.outcomes[-1], one.outcomes[-1]) == ("ok", "repeated")
    # A gateway that comes later has received none of the earlier ones, and one that shares has no copy.
    for mqtt in ({"client_id": "new"}, {"client_id": "third", "shared_group": "lot"}):
        async with engine.begin() as connection:
            await connection.execute(sa.text(sessions), {"name": mqtt["client_id"], "at": NOW + timedelta(seconds=1)})
        new = Gateway(pool, mqtt=mqtt)
        await new.requests.commit([off])
        assert new.outcomes == ["ok"]


async def test_a_retained_request_is_ignored(pool: Pool, engine: AsyncEngine) -> None:
    gateway = Gateway(pool)
    await gateway.requests.commit([retained(message("state/republish", {}))])
    assert gateway.outcomes == ["retained"]
    assert await rows(engine, "select from request") == []


async def test_a_requester_that_asks_too_often_is_refused_without_the_database(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    gateway = Gateway(pool, per_minute=2)
    flood = [message("space/get", SPACE | {"by": "eve", "transaction": number}) for number in range(50)]
    await gateway.requests.commit([*flood, message("space/get", SPACE | {"by": "anna"})])
    assert gateway.outcomes == ["ok", "ok", *["rate_limited"] * 48, "ok"]
    assert len(await replies(pool)) == 3
    (only,) = gateway.at_once
    refused = json.loads(only.payload)
    assert (refused["error"]["code"], refused["transaction"]) == ("rate_limited", 2)


async def test_more_requests_than_fit_into_memory_are_refused_at_once(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    gateway = Gateway(pool, per_minute=1000, per_minute_of_all=1000)
    many = [message("space/get", SPACE) for _ in range(80)]
    await asyncio.gather(gateway.requests.commit(many), gateway.requests.commit(many))
    assert sorted(gateway.outcomes) == ["ok"] * 100 + ["rate_limited"] * 60


async def test_a_verb_with_a_mistake_costs_its_request_and_no_other(
    pool: Pool, car_park: CarPark, monkeypatch: pytest.MonkeyPatch
) -> None:
    await car_park(1)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    wrong = msgspec.structs.replace(verbs()["state/republish"], work=broken)
    monkeypatch.setattr("parking_gateway.requests.answering.verbs", lambda: {**verbs(), "state/republish": wrong})
    gateway = Gateway(pool)
    await gateway.requests.commit([message("state/republish", {}), message("space/get", SPACE)])
    assert gateway.outcomes == ["failed", "ok"]
    (_, failed), (_, fine) = await replies(pool)
    assert failed["error"]["code"] == "failed"
    assert "ZeroDivisionError" in failed["error"]["message"]
    assert fine["status"] == "ok"


async def test_a_request_without_a_database_is_refused_as_unavailable_and_at_once_while_it_stays_away() -> None:
    away = pool_for("postgresql://127.0.0.1:1/none", DatabaseConfig())
    gateway = Gateway(away, is_away=True, timeout=0.2)
    loop = asyncio.get_running_loop()
    await gateway.requests.commit([message("space/get", SPACE, correlation_data=b"1")])
    before = loop.time()
    await gateway.requests.commit([message("space/get", SPACE, correlation_data=b"2") for _ in range(20)])
    assert loop.time() - before < 0.2
    assert gateway.outcomes == ["unavailable"] * 21
    assert {json.loads(one.payload)["error"]["code"] for one in gateway.at_once} == {"unavailable"}
    assert [one.properties.correlation_data for one in gateway.at_once[:2]] == [b"1", b"2"]
    gateway.stop.set()
    stopping = Gateway(away, timeout=5)
    stopping.stop.set()
    with pytest.raises(StopRequested):
        await stopping.requests.commit([message("space/get", SPACE)])
    assert stopping.outcomes == []
