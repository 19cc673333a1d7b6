"""A simulated world for the intake: virtual time, a broker with a session, and a store that promises what PostgreSQL does.

Every universe is repeatable by its seed. In it commits are refused, their answers are lost, and the power of the gateway is cut.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import psycopg
from typing_extensions import override

from parking_gateway.broker.message import Message
from parking_gateway.store.query import Query
from tests.events import NOON, OCCUPIED, VACANT, message, up
from tests.links import FakeLink

_ASPECTS: Final = [
    "id",
    "since",
    "occupancy",
    "seen_at",
    "seen_dev_addr",
    "seen_f_cnt",
    "contact",
    "heard_at",
    "special",
    "service_at",
    "offered_at",
    "battery_percent",
    "battery_at",
    "battery_dev_addr",
    "battery_f_cnt",
    "previous",
    "cause",
    "version",
]
_TIMES: Final = {"since", "seen_at", "heard_at", "battery_at", "service_at"}


class Broker(FakeLink):
    """Delivers its session in batches of any size, and sees whether a message is acknowledged before its commit."""

    def __init__(self, session: list[Message], store: "Store", dice: Random) -> None:
        super().__init__(session=session)
        self._store = store
        self._dice = dice

    @override
    async def batches(self, *, limit: int) -> AsyncIterator[list[Message]]:
        left = list(self.session)
        while left:
            await asyncio.sleep(self._dice.random() / 100)
            size = self._dice.choice([1, 3, 120, limit])
            batch, left = left[:size], left[size:]
            yield batch

    @override
    def acknowledge(self, batch: Sequence[Message]) -> None:
        early = [one for one in batch if _id_of(one) not in self._store.uplinks]
        assert early == [], "acknowledged before the commit"
        super().acknowledge(batch)


class Store:
    """Locks spaces, applies all of a transaction or nothing, and keeps what is committed."""

    def __init__(self, devices: Sequence[str], dice: Random, *, power_cut: Callable[[], None]) -> None:
        self.uplinks: set[UUID] = set()
        self.steps: list[tuple[int, str, str]] = []
        """Space, and the states before and after."""
        self.spaces = {
            number: dict.fromkeys(_ASPECTS, None)
            | {"id": number, "since": NOON, "contact": "never", "version": 1}
            | {"seen_f_cnt": 0}
            for number in range(1, len(devices) + 1)
        }
        self.faults = {"refused": 0, "answer lost": 0, "power cut": 0}
        """How often each has happened."""
        self._number_of = {device: number for number, device in enumerate(devices, 1)}
        self._dice = dice
        self._power_cut = power_cut
        self.boot()

    def boot(self) -> None:
        """A server that lost its clients holds no locks of theirs."""
        self._locks = {number: asyncio.Lock() for number in self.spaces}

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["Transaction"]:
        """A connection for one transaction, which is rolled back unless it is committed."""
        transaction = Transaction(self, self._locks)
        try:
            yield transaction
        finally:
            transaction.end()

    def renew(self) -> None:
        """There are no connections that could be stale."""

    async def travel(self) -> None:
        """The time of one way through the network."""
        await asyncio.sleep(self._dice.random() / 200)

    def fault(self) -> str | None:
        """What happens to the next commit."""
        found = self._dice.choices([None, *self.faults], [20, 2, 2, 1])[0]
        if found:
            self.faults[found] += 1
        return found

    def rows_of(self, devices: Sequence[str]) -> list[tuple[Any, ...]]:
        """The answer of `lock_spaces`."""
        numbered = sorted((self._number_of[device], device) for device in devices)
        return [
            (device, 0, "bosch_tps110_v029", "{}", None, str(number), *(self.spaces[number][name] for name in _ASPECTS))
            for number, device in numbered
        ]

    def apply(self, query: Query[Any]) -> None:
        """Make a statement part of the store."""
        name = query.statement.name.decode()
        columns = {key: _elements(text) for key, text in query.arguments.items() if str(text).startswith("{")}
        if name in ("save_clocks", "save_changes"):
            heard_at = columns.get("heard_at") or [None] * len(columns["row"])
            columns["heard_at"] = [one or seen for one, seen in zip(heard_at, columns["seen_at"], strict=True)]
            for place, row in enumerate(columns["row"]):
                fields = {key: values[place] for key, values in columns.items() if key in _ASPECTS}
                self.spaces[int(row)] |= {key: _value(key, value) for key, value in fields.items()}
        elif name == "append_steps":
            self.steps += zip(columns["space"], columns["from"], columns["to"], strict=True)

    def cut_power(self) -> None:
        """The gateway is gone, with all that it held."""
        self._power_cut()


class Repetition(psycopg.errors.UniqueViolation):
    """An uplink was added that is there."""

    @property
    @override
    def diag(self) -> Any:
        return SimpleNamespace(table_name="uplink_2026_11")


class Transaction:
    """A connection as `store.database.Connection` has it."""

    def __init__(self, store: Store, locks: dict[int, asyncio.Lock]) -> None:
        self._store = store
        self._locks = locks
        self._held: list[asyncio.Lock] = []
        self.memory: dict[str, Any] = {}

    async def together(self, *queries: Query[Any]) -> tuple[Any, ...]:
        """Lock, and look at what is there."""
        await self._store.travel()
        answers = [await self._answer(query) for query in queries]
        await self._store.travel()
        return tuple(answers)

    async def commit_together(self, *queries: Query[Any]) -> tuple[Any, ...]:
        """Write and commit, if nothing happens."""
        await self._store.travel()
        fault = self._store.fault()
        if fault == "refused":
            raise psycopg.OperationalError(fault)
        added = {UUID(one) for query in queries for one in _added_by(query)}
        if added & self._store.uplinks:
            raise Repetition
        self._store.uplinks |= added
        for query in queries:
            self._store.apply(query)
        if fault == "power cut":
            self._store.cut_power()
        await self._store.travel()
        if fault == "answer lost":
            raise psycopg.OperationalError(fault)
        return tuple(None for _ in queries)

    def end(self) -> None:
        """Release the locks."""
        while self._held:
            self._held.pop().release()

    async def rollback(self) -> None:
        """Release the locks."""
        await self._store.travel()
        self.end()

    async def _answer(self, query: Query[Any]) -> Any:
        match query.statement.name:
            case b"enter_uplinks":
                return query.read(())
            case b"find_uplinks":
                ids = [UUID(one) for one in _elements(query.arguments["deduplication_id"])]
                return query.read([(one,) for one in ids if one in self._store.uplinks])
            case b"lock_spaces":
                rows = self._store.rows_of(_elements(query.arguments["dev_eui"]))
                for row in rows:
                    lock = self._locks[int(row[5])]
                    await lock.acquire()
                    self._held.append(lock)
                return query.read(self._store.rows_of([row[0] for row in rows]))
            case _ if "version" in query.arguments:  # of codecs
                names, versions = (_elements(query.arguments[name]) for name in ("name", "version"))
                return query.read([(*codec, 1) for codec in zip(names, versions, strict=True)])
            case other:
                raise AssertionError(f"{other!r} is no question of the intake's")


def story(devices: Sequence[str], dice: Random, uplinks: int) -> tuple[list[Message], dict[int, list[str]]]:
    """Messages of sensors in turn, some with a change, and the states that each space takes."""
    occupied = dict.fromkeys(range(1, len(devices) + 1), False)
    states: dict[int, list[str]] = {number: [] for number in occupied}
    messages = []
    for f_cnt in range(1, uplinks + 1):
        number = dice.randint(1, len(devices))
        if dice.random() < 0.3:
            occupied[number] ^= True
            states[number].append("OCCUPIED" if occupied[number] else "FREE")
        status = OCCUPIED if occupied[number] else VACANT
        key = UUID(int=dice.getrandbits(128), version=4)
        one = message(
            devices[number - 1], up(devices[number - 1], status, at=f_cnt / 60, f_cnt=f_cnt, deduplication_id=key)
        )
        messages.append(Message(one.topic, one.payload, f_cnt, 1, is_redelivered=False))
    return messages, states


def _added_by(query: Query[Any]) -> list[Any]:
    return _elements(query.arguments["deduplication_id"]) if query.statement.name == b"add_uplinks" else []


def _id_of(one: Message) -> UUID:
    return UUID(json.loads(one.payload)["deduplicationId"])


def _elements(array: str) -> list[Any]:
    found: list[Any] = json.loads(f"[{array[1:-1]}]")
    return found


def _value(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in _TIMES and value else value
