"""How PostgreSQL carries out the gateway's hot statements, on a database as large as it was measured with."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from typing_extensions import override

from benchmarks.fleet import Fleet
from benchmarks.pages import page
from parking_gateway.broker.message import Message
from parking_gateway.chirpstack import Limits
from parking_gateway.core.due import DueKind
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import confirmations, due
from parking_gateway.store.database import Connection
from parking_gateway.store.hot import HotStatement
from parking_gateway.store.pool import opened
from parking_gateway.store.query import Query

# Without costs, which are PostgreSQL's guess, and with times and the number of pages.
_EXPLAIN: Final = "explain (analyze, buffers, settings off, costs off) "
_BATCH: Final = 500
_LIMITS: Final = Limits(payload_bytes=65_536, depth=16)
_ANNOUNCE_EVERY: Final = timedelta()
"""So that a row of every device is written, which is rare."""


class Hot(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that the gateway executes with every batch or every publication."""

    statement: HotStatement
    values: list[str | None]


async def hot_statements(url: str, fleet: Fleet) -> list[Hot]:
    """The statements of an ordinary batch: the gateway's functions record, publish and confirm it, and it is undone."""
    now = datetime.now(UTC)
    publications = [event.publication for event in fleet.backlog(_BATCH)]
    batch = [Message(one.topic, one.payload, mid, 1, is_redelivered=False) for mid, one in enumerate(publications)]
    found = read(batch, received_at=now, limits=_LIMITS)
    async with opened(url, DatabaseConfig()) as pool, pool.connect() as connection:
        rehearsal = _Rehearsal(connection)
        committed = await record(rehearsal, found, decoder=Decoder(), announce_every=_ANNOUNCE_EVERY)
        rows, gained = await rehearsal.together(*due.changed_with_steps(committed.changed))
        published = due.with_steps(rows, gained)
        await rehearsal.together(
            confirmations.confirm(DueKind.SPACE, published), *confirmations.recount([one.key for one in published])
        )
    return [
        Hot(statement=one.statement, values=one.statement.values(one.arguments))
        for one in rehearsal.queries
        if isinstance(one.statement, HotStatement)
        and not one.statement.text.startswith("lock table")  # which has no plan
    ]


class _Rehearsal(Connection):
    """A connection that commits nothing, with all queries that were executed on it."""

    def __init__(self, connection: Connection) -> None:
        self.queries: list[Query[Any]] = []
        self._connection = connection

    @override
    async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        self.queries += queries
        return await self._connection.together(*queries)

    @override
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        return await self.together(*queries)

    @override
    async def rollback(self) -> None:
        await self._connection.rollback()

    @property
    @override
    def memory(self) -> dict[str, Any]:
        return self._connection.memory

    @override
    async def tried(self, trials: Sequence[Sequence[Query[Any]]]) -> list[Exception | None]:
        return await self._connection.tried(trials)


def explain(url: str, statements: Sequence[Hot], file: Path, *, heading: str) -> None:
    """Write the plan of every statement, as it was carried out after those before it in a transaction that was undone."""
    with (
        psycopg.connect(url, cursor_factory=psycopg.RawCursor) as connection,
        connection.transaction(force_rollback=True),
    ):
        file.write_text(page(heading, *_sections(connection, statements)))


def _sections(connection: psycopg.Connection[Any], statements: Sequence[Hot]) -> Iterator[str]:
    for hot in statements:
        lines = connection.execute(_EXPLAIN + hot.statement.text, hot.values).fetchall()
        heading = f"## {hot.statement.name.decode()}\n\n{hot.statement.sentence}"
        yield "\n".join((heading, "", "```", *(line for (line,) in lines), "```"))
