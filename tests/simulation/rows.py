"""Rows in memory as PostgreSQL keeps them: committed tables, transactions with their own writes, and locks of rows.

Each statement reads what is committed when it begins (READ COMMITTED), and a locked row as it is after the wait for its lock.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Generator, Hashable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import psycopg

Row = dict[str, Any]
Key = Hashable
Result = TypeVar("Result")


class Turn:
    """Awaited by a statement that has to wait for the end of a transaction. Whoever executes it sees the transaction."""

    def __init__(self, transaction: "Transaction") -> None:
        self._transaction = transaction

    def __await__(self) -> "Generator[Transaction, None, None]":
        yield self._transaction


def executed(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a statement that has to wait for nobody."""
    try:
        work.send(None)
    except StopIteration as end:
        result: Result = end.value
        return result
    raise AssertionError("It waits for a lock")


class Tables:
    """What is committed, and who has locked what."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        """Of the server."""
        self.rows: defaultdict[str, dict[Key, Row]] = defaultdict(dict)
        """By table and key."""
        self.owners: dict[tuple[str, Key], Transaction] = {}
        """Of locks."""
        self.numbers: Counter[str] = Counter()
        """The last one of each sequence. A rollback does not give numbers back."""

    def next(self, sequence: str) -> int:
        """The next number of a sequence."""
        self.numbers[sequence] += 1
        return self.numbers[sequence]

    def backup(self) -> Callable[[], None]:
        """What puts everything back to the present state. Nobody may have a transaction then."""
        rows, numbers = {table: dict(found) for table, found in self.rows.items()}, self.numbers.copy()

        def restore() -> None:
            self.rows.clear()
            self.rows.update(rows)
            self.numbers.clear()
            self.numbers.update(numbers)

        return restore


class Transaction:
    """One transaction, from its first statement on."""

    def __init__(self, tables: Tables) -> None:
        self.now = tables.clock()
        self.number = tables.next("transaction")
        self.waits_for: Transaction | None = None
        self._tables = tables
        self._written: dict[str, dict[Key, Row | None]] = {}
        self._held: list[tuple[str, Key]] = []
        self._is_over = False
        self._waiting: list[Callable[[], None]] = []

    @property
    def never(self) -> int:
        """A `published_version` that no row has had."""
        return -self.number

    def next(self, sequence: str) -> int:
        """The next number of a sequence."""
        return self._tables.next(sequence)

    def raise_to(self, sequence: str, number: int) -> None:
        """Let the sequence go on behind this number."""
        self._tables.numbers[sequence] = max(self._tables.numbers[sequence] + 1, number)

    def get(self, table: str, key: Key) -> Row | None:
        """The row, as this transaction sees it now."""
        written = self._written.get(table)
        if written is not None and key in written:
            return written[key]
        return self._tables.rows[table].get(key)

    def all(self, table: str) -> Iterator[tuple[Any, Row]]:
        """All rows with their keys, as this transaction sees them now."""
        written = self._written.get(table)
        if written is None:
            yield from self._tables.rows[table].items()
            return
        for key, row in (self._tables.rows[table] | written).items():
            if row is not None:
                yield key, row

    async def lock(self, table: str, key: Key) -> Row | None:
        """Lock a row, or the key of one that is to be added, until the end. Returns the row as it is then."""
        lock = table, key
        while (owner := self._tables.owners.get(lock)) is not self:
            if owner is None:
                self._tables.owners[lock] = self
                self._held.append(lock)
                break
            self.waits_for = owner
            self._require_no_circle()
            await Turn(owner)
            self.waits_for = None
        return self.get(table, key)

    def try_lock(self, table: str, key: Key) -> bool:
        """Lock it if nobody else has, without a wait."""
        owner = self._tables.owners.setdefault((table, key), self)
        if owner is self:
            self._held.append((table, key))
        return owner is self

    def put(self, table: str, key: Key, row: Row) -> None:
        """Write a row."""
        if table == "space":  # every version of a row has its place
            row = row | {"ctid": f"({key},{self._tables.next('place')})"}
        self._written.setdefault(table, {})[key] = row

    def change(self, table: str, key: Key, **columns: Any) -> None:
        """Write some columns of a row that is there."""
        row = self.get(table, key)
        assert row is not None, f"{table} has no {key}"
        self.put(table, key, row | columns)

    def delete(self, table: str, key: Key) -> None:
        """Delete a row."""
        self._written.setdefault(table, {})[key] = None

    def savepoint(self) -> Callable[[], None]:
        """What undoes everything that is written from now on."""
        before = {table: dict(rows) for table, rows in self._written.items()}

        def undo() -> None:
            self._written = {table: dict(rows) for table, rows in before.items()}

        return undo

    @property
    def has_written(self) -> bool:
        """Whether there is anything to commit."""
        return bool(self._written)

    def commit(self) -> None:
        """Make all of it durable, and release the locks."""
        for table, written in self._written.items():
            rows = self._tables.rows[table]
            for key, row in written.items():
                if row is None:
                    rows.pop(key, None)
                else:
                    rows[key] = row
        self.end()

    def end(self) -> None:
        """Release the locks. What is not committed is gone."""
        self._written = {}
        for lock in self._held:
            del self._tables.owners[lock]
        self._held = []
        self._is_over = True
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()

    def then(self, go_on: Callable[[], None]) -> None:
        """Call this when the transaction is over."""
        if self._is_over:
            go_on()
        else:
            self._waiting.append(go_on)

    def _require_no_circle(self) -> None:
        other = self.waits_for
        while other is not None:
            if other is self:
                self.waits_for = None
                raise psycopg.errors.DeadlockDetected("deadlock detected")
            other = other.waits_for
