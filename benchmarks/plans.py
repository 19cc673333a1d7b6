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
from parking_gateway.store.pool import opened
from parking_gateway.store.query import Query

# What something costs is not in it, because it is PostgreSQL's guess; what it took, and how many pages were touched, is.
_EXPLAIN: Final = "explain (analyze, buffers, settings off, costs off) "
_BATCH: Final = 500
_LIMITS: Final = Limits(payload_bytes=65_536, depth=16)
_ANNOUNCE_EVERY: Final = timedelta()
"""So that a row of every device is written, which is rare."""
_WORDS: Final = (
    "Keep the uplinks of a batch that are new",
    "Lock the spaces that its devices watch",
    "Save spaces that were only heard",
    "Save spaces that changed",
    "Write down what devices said of themselves (here of all; commonly of hardly any)",
    "Copy what is told of them to where their next uplinks are compared with it",
    "Append to the log",
    "Read changed spaces that are due for publication",
    "Read what their logs have gained",
    "Write down that the broker has confirmed them",
    "Let their zones be counted again",
    "Let their sites be counted again",
)
"""What is executed from a batch to its confirmation, in this order."""


class Hot(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that the gateway executes with every batch or every publication."""

    text: str
    """With numbered parameters, as PostgreSQL has them."""
    values: list[str | None]


async def hot_statements(url: str, fleet: Fleet) -> list[Hot]:
    """Let the gateway's own functions keep, publish and confirm an ordinary batch, and undo it: what they execute."""
    now = datetime.now(UTC)
    publications = [event.publication for event in fleet.backlog(_BATCH)]
    batch = [Message(one.topic, one.payload, mid, 1, is_redelivered=False) for mid, one in enumerate(publications)]
    found = read(batch, received_at=now, limits=_LIMITS)
    async with opened(url, DatabaseConfig()) as pool, pool.connect() as connection:
        rehearsal = _Rehearsal(connection)
        outcome = await record(rehearsal, found, decoder=Decoder(), announce_every=_ANNOUNCE_EVERY)
        rows, gained = await rehearsal.together(due.changed(outcome.changed), due.steps(outcome.changed))
        published = due.with_steps(rows, gained)
        await rehearsal.together(confirmations.confirm(DueKind.SPACE, published), *confirmations.recount(published))
    return [Hot(text=one.statement.text, values=one.statement.values(one.arguments)) for one in rehearsal.queries]


class _Rehearsal(Connection):
    """A connection that keeps its queries and commits nothing."""

    def __init__(self, connection: Connection) -> None:
        self.queries: list[Query[Any]] = []
        self._connection = connection

    @override
    async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        self.queries.extend(queries)
        return await self._connection.together(*queries)

    @override
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        return await self.together(*queries)

    @override
    async def rollback(self) -> None:
        await self._connection.rollback()

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
    for words, hot in zip(_WORDS, statements, strict=True):
        lines = connection.execute(_EXPLAIN + hot.text, hot.values).fetchall()
        yield "\n".join((f"## {words}", "", "```", *(line for (line,) in lines), "```"))
