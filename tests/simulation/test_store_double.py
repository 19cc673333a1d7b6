"""The double of the database is worth nothing unless it does what PostgreSQL does: the same work on both ends in the same rows."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock import history, silence
from parking_gateway.clock.moment import Moment
from parking_gateway.core.due import DueKind
from parking_gateway.core.space import SpaceId
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.store import due, gateways, outgoing, tree
from parking_gateway.store.confirmations import confirm, recount
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, up
from tests.plugins.car_park import build as build_in_postgresql
from tests.simulation.car_park import build
from tests.simulation.compared import COMPARED, like, rows_of_double, rows_of_postgresql
from tests.simulation.plain import Plain
from tests.simulation.rows import Tables
from tests.simulation.story import SPACES

EXAMPLES: Final = 20
NOW: Final = NOON + timedelta(hours=2)
LIMITS: Final = chirpstack.Limits(payload_bytes=65_536, depth=32)
DECODER: Final = Decoder()
GATEWAY: Final = "gw"
frames = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 90), st.integers(0, 99), st.booleans()), min_size=12, max_size=12
)
"""Of a device, the minute, the frame counter, and whether a car is there."""
some = st.lists(st.integers(0, 11), min_size=1, max_size=8)
tasks = st.lists(
    st.tuples(
        st.sampled_from(
            ["record"] * 4
            + ["correct"] * 2
            + [
                "record again",
                "give up",
                "publish",
                "publish changed",
                "publish once",
                "begin again",
                "read back",
                "fall silent",
            ]
        ),
        some,
    ),
    min_size=10,
    max_size=20,
)
"""What is done, each with the places of some frames."""


Work = Callable[[Database, Sequence[Message]], Coroutine[Any, Any, Any]]


async def _record(database: Database, messages: Sequence[Message], *, may_repeat: bool = False) -> Any:
    async with database.connect() as connection:
        batch = read(messages, received_at=NOW, limits=LIMITS)
        batch.may_repeat = may_repeat
        done = await record(connection, batch, decoder=DECODER, announce_every=timedelta(minutes=15))
        return done.duplicates, done.changed


async def _give_up(database: Database, _messages: Sequence[Message]) -> Any:
    async with database.connect() as connection:
        await connection.together(*gateways.begin_again(GATEWAY, 7))
        await connection.rollback()


async def _publish(database: Database, _messages: Sequence[Message]) -> Any:
    found = []
    for kind in DueKind:
        async with database.connect() as connection:
            (keys,) = await connection.commit_together(due.keys(kind, limit=3))
            (rows,) = await connection.commit_together(due.rows(kind, keys))
            rows = sorted(rows, key=lambda one: one.key)
            steps = await _confirm(connection, kind, rows)
        found.append([_comparable(one) for one in due.with_steps(rows, steps)])
    return found


async def _publish_changed(database: Database, messages: Sequence[Message]) -> Any:
    spaces = sorted({SpaceId(int(one.topic.split("/")[3], 16) & 0xFF) for one in messages})
    async with database.connect() as connection:
        (rows,) = await connection.commit_together(due.rows(DueKind.SPACE, spaces))
        rows = sorted(rows, key=lambda one: one.key)
        steps = await _confirm(connection, DueKind.SPACE, rows)
    return [_comparable(one) for one in due.with_steps(rows, steps)]


async def _confirm(connection: Connection, kind: DueKind, rows: Sequence[Any]) -> Any:
    keys = [one.key for one in rows]
    steps: due.Steps = []
    if kind is DueKind.SPACE:
        (steps,) = await connection.commit_together(due.steps(keys))
        rows = due.with_steps(list(rows), steps)
    more = recount(keys) if kind is DueKind.SPACE else []
    await connection.commit_together(confirm(kind, rows), *more, gateways.advance(GATEWAY, len(rows)))
    return steps


async def _publish_once(database: Database, _messages: Sequence[Message]) -> Any:
    async with database.connect() as connection:
        *_, rows, seconds = await connection.commit_together(
            outgoing.claim(GATEWAY), outgoing.page(GATEWAY, limit=3), outgoing.claimed_by_another(GATEWAY)
        )
        await connection.commit_together(outgoing.delete([one.id for one in rows[:2]]))
        (others,) = await connection.commit_together(outgoing.page("another", limit=3))
    return rows, seconds, others


async def _correct(database: Database, _messages: Sequence[Message]) -> Any:
    moment = Moment(now=NOW, listening_since=NOON, lost_after=timedelta(days=1), guests=Guests(DECODER))
    done = await history.go(database, moment)
    return sorted(done.changed), done.steps_corrected, bool(done.outgoing)


async def _fall_silent(database: Database, _messages: Sequence[Message]) -> Any:
    hour = timedelta(hours=1)
    moment = Moment(now=NOW, listening_since=NOON - hour, lost_after=hour, guests=Guests(DECODER))
    done = await silence.go(database, moment)
    return sorted(done.changed), sorted((one.kind, one.dev_eui or "") for one in done.notices)


async def _begin_again(database: Database, messages: Sequence[Message]) -> Any:
    again = gateways.begin_again(GATEWAY, 1000)
    above = gateways.begin_again_above(GATEWAY, 1000, version=1000)
    async with database.connect() as connection:
        await connection.commit_together(*(again if len(messages) % 2 else above))
        await connection.commit_together(gateways.remember_filters({"a", "b"}, client_id="c"))
        return await connection.commit_together(gateways.markers(), gateways.filters("c"))


async def _read_back(database: Database, messages: Sequence[Message]) -> Any:
    found = []
    names = {DueKind.SPACE: ("central", "level-1"), DueKind.ZONE: ("central",)}
    for kind in (DueKind.SPACE, DueKind.ZONE, DueKind.SITE, DueKind.DEVICE):
        some_names = {(*names.get(kind, ()), f"A-{number}") for number in range(1, len(messages) + 4)}
        async with database.connect() as connection:
            (rows,) = await connection.commit_together(tree.page(kind, after=None))
            keys, without = await connection.commit_together(
                tree.publish_again(kind, rows[::2]), tree.without_row(kind, some_names)
            )
            await connection.commit_together(tree.publish_named(kind, some_names))
        found.append(([_comparable(one) for one in rows], keys, without))
    return found


WORK: Final[Mapping[str, Work]] = {
    "record": _record,
    "record again": partial(_record, may_repeat=True),
    "give up": _give_up,
    "publish": _publish,
    "publish changed": _publish_changed,
    "publish once": _publish_once,
    "correct": _correct,
    "fall silent": _fall_silent,
    "begin again": _begin_again,
    "read back": _read_back,
}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(frames=frames, tasks=tasks)
async def test_the_same_work_ends_in_the_same_rows(
    pool: Pool,
    engine: AsyncEngine,
    frames: list[tuple[int, int, int, bool]],
    tasks: list[tuple[str, list[int]]],
) -> None:
    await _rebuild(engine)
    pool.renew()  # its connections remember the codecs of the last example
    tables = Tables(lambda: datetime.now(UTC))
    build(tables, at=NOON)
    double = Plain(tables)
    messages = [_message(number, *frame) for number, frame in enumerate(frames, 1)]
    for name, places in tasks:
        given = [messages[place % len(messages)] for place in dict.fromkeys(places)]
        answers = [await WORK[name](database, given) for database in (pool, double)]
        assert answers[0] == answers[1], name
    for table in COMPARED:
        ours = rows_of_double(tables, table)
        assert [like(row, ours) for row in await rows_of_postgresql(engine, table)] == ours, table


def _message(number: int, space: int, minute: int, f_cnt: int, is_occupied: bool) -> Message:  # noqa: FBT001 - of a strategy
    status, key, dev_eui = OCCUPIED if is_occupied else VACANT, UUID(int=number), dev_eui_of(space)
    return message(dev_eui, up(dev_eui, status, at=minute, f_cnt=f_cnt, deduplication_id=key))


async def _rebuild(engine: AsyncEngine) -> None:
    tables = ", ".join(f'"{one}"' for one in (*COMPARED, "outgoing_claim", "rejection"))
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"truncate {tables} restart identity cascade"))
    await build_in_postgresql(engine, SPACES)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update space set since = :at, updated_at = :at"), {"at": NOON})


def _comparable(row: Any) -> Any:
    return json.loads(json.dumps(_value_of(row), default=str))


def _value_of(row: Any) -> dict[str, Any]:
    found = {name: getattr(row, name) for name in row.__struct_fields__}
    return found | {"published_version": max(found["published_version"], -1)}
