"""A simulated store for the outbox: one zone in memory."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from parking_gateway.core.due import DueKind
from parking_gateway.core.notice import Notice, NoticeKind
from parking_gateway.core.outgoing import written
from parking_gateway.store import confirmations, due, outgoing
from parking_gateway.store.database import Database
from parking_gateway.store.query import Query, Rows

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPACES = 4

STEPS = due.steps([]).statement
KEYS = {due.keys(kind, limit=1).statement: kind for kind in DueKind}
ROWS = {due.rows(kind, []).statement: kind for kind in DueKind}
COUNTS = {statement for statement, kind in ROWS.items() if kind in {DueKind.ZONE, DueKind.SITE}}
CONFIRM = {confirmations.confirm(kind, []).statement: kind for kind in DueKind}
SENT, DELETED = outgoing.page("", limit=1).statement, outgoing.delete([]).statement
OTHERS, CLAIM = outgoing.claimed_by_another("").statement, outgoing.claim("").statement
OUTGOING = {SENT, DELETED, OTHERS, CLAIM, outgoing.postpone([], by=timedelta()).statement}
NOTICE = written([Notice(kind=NoticeKind.FAULT, at=START)])[1:-1]
RECOUNT = {query.statement for query in confirmations.recount([])}


def elements(array: str) -> list[int]:
    """Of an array as PostgreSQL reads it."""
    found: list[int] = json.loads(f"[{array[1:-1]}]")
    return found


class SimulatedStore(Database):
    """The part of PostgreSQL that the outbox uses: one zone in memory. A commit can fail before and after it was made."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.counting_seconds = 0.0
        """How long it takes to count a page of zones or sites."""
        self.states = dict.fromkeys(range(1, SPACES + 1), "FREE")
        self.versions = {kind: {1: [1, 0]} for kind in (DueKind.ZONE, DueKind.SITE)}
        self.versions[DueKind.SPACE] = {key: [1, 0] for key in self.states}
        self.log: list[tuple[int, int, str, str]] = []
        self.published_steps = dict.fromkeys(self.states, 0)
        self.marker = 0
        self.notices = 0
        """How many were written to be published once. They are numbered from 1."""
        self.outgoing: list[int] = []
        """Those that are not confirmed."""

    def send(self) -> None:
        """Something happens that an operator has to be told once."""
        self.notices += 1
        self.outgoing.append(self.notices)

    def change(self, key: int) -> None:
        """A car arrives or leaves."""
        before, self.states[key] = self.states[key], "FREE" if self.states[key] == "OCCUPIED" else "OCCUPIED"
        self.log.append((key, len(self.log) + 1, before, self.states[key]))
        self.versions[DueKind.SPACE][key][0] += 1

    @override
    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        await asyncio.sleep(self._dice.random() / 100)
        yield self

    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        """Answer, as PostgreSQL would."""
        await self._fail_seldom()
        await asyncio.sleep(self.counting_seconds * any(query.statement in COUNTS for query in queries))
        answers = tuple(
            [
                query.read(self._outgoing(query) if query.statement in OUTGOING else self._rows(query))
                for query in queries
            ]
        )
        await asyncio.sleep(self._dice.random() / 100)
        await self._fail_seldom()
        return answers

    @override
    def renew(self) -> None:
        """Every connection is a new one."""

    @override
    def hang_up(self) -> None:
        """Nothing waits for long."""

    async def _fail_seldom(self) -> None:
        if self._dice.random() < 0.01:
            raise ConnectionResetError

    def _rows(self, query: Query[Any]) -> Rows:
        columns = {name.removeprefix("batch_"): value for name, value in query.arguments.items()}
        statement, keys = query.statement, elements(columns.get("id") or columns.get("keys") or "{}")
        if statement in KEYS:
            return self._due_keys(KEYS[statement], after=columns["after"] or 0)
        if statement in ROWS:
            return self._due_rows(ROWS[statement], keys)
        if statement in CONFIRM:
            return [self._confirmed(CONFIRM[statement], *row) for row in self._batch(columns)]
        if statement in RECOUNT:
            for kind in (DueKind.ZONE, DueKind.SITE):
                self.versions[kind][1][0] += bool(keys)
            return []
        if statement is STEPS:
            return [
                (*one, START, "x", None, False)
                for one in self.log
                if one[0] in keys and one[1] > self.published_steps[one[0]]
            ]
        return self._marker(columns.get("number"))

    def _outgoing(self, query: Query[Any]) -> Rows:
        if query.statement is DELETED:
            gone = elements(query.arguments["ids"])
            self.outgoing = [number for number in self.outgoing if number not in gone]
        if query.statement is SENT:
            return [(number, None, None, None, NOTICE) for number in self.outgoing]
        return [(0.0,)]

    def _marker(self, number: int | None) -> Rows:
        if number is None:
            return [("gw", self.marker)]
        before, self.marker = self.marker, max(self.marker, number)
        return [(before,)]

    def _batch(self, columns: dict[str, Any]) -> list[tuple[int, ...]]:
        names = ("id", "version", "published_version", "published_transition")
        arrays = [elements(columns[name]) for name in names if name in columns]
        return list(zip(*arrays, strict=True)) if "id" in columns else []

    def _confirmed(self, kind: DueKind, key: int, version: int, expected: int, step: int = 0) -> tuple[int, bool]:
        row = self.versions[kind][key]
        row[1] = version if row[1] == expected else 0
        if kind is DueKind.SPACE:
            self.published_steps[key] = max(self.published_steps[key], step)
        return key, self._is_due(kind, key)

    def _due_keys(self, kind: DueKind, *, after: int) -> Rows:
        return [(key,) for key in self.versions.get(kind, {}) if key > after and self._is_due(kind, key)]

    def _due_rows(self, kind: DueKind, keys: list[int]) -> Rows:
        keys = [key for key in keys if self._is_due(kind, key)]
        if kind is DueKind.SPACE:
            return [self._space(key) for key in keys]
        occupied = sum(state == "OCCUPIED" for state in self.states.values())
        # Of a zone, its capacity and its drift follow its name: it has no counter.
        names = ("central", "level-1", None, 0) if kind is DueKind.ZONE else ("central",)
        counts = (0, 0, SPACES, SPACES - occupied, occupied, 0, 0, 0, None)
        return [(key, *self.versions[kind][key], *names, *counts) for key in keys]

    def _space(self, key: int) -> tuple[Any, ...]:
        changeable = (self.states[key], START, None, "occupied", "live")
        version = self.versions[DueKind.SPACE][key]
        return (
            key,
            *version,
            "central",
            "level-1",
            f"A-{key}",
            *changeable,
            *[None] * 4,
            "x",
            START,
            False,
            None,
            None,
            False,
        )

    def due(self) -> bool:
        """Whether any row is due."""
        return bool(self.outgoing) or any(
            self._is_due(kind, key) for kind, rows in self.versions.items() for key in rows
        )

    def _is_due(self, kind: DueKind, key: int) -> bool:
        version, published = self.versions[kind][key]
        return version != published
