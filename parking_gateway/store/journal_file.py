"""The file of the journal: messages that PostgreSQL does not take now. SQLite with a write-ahead log, synced at every commit.

One process has it at a time. A torn last write is undone by SQLite; a file that cannot be read is set aside under another name.
All functions wait for the disk: they belong in a thread.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "journal.sqlite"
_OVERHEAD: Final = 100
"""Bytes of an entry in the file beside its topic, payload and properties."""
_SCHEMA: Final = """
create table if not exists entry (
    id integer primary key, received_at text not null, topic blob not null, payload blob not null, qos integer not null,
    is_redelivered integer not null, length integer, digest blob, properties blob, size integer not null
);
create index if not exists entry_at_qos_0 on entry (topic, id) where qos = 0;
create table if not exists subscription (filter text primary key);
"""
_SETTINGS: Final = (
    "pragma locking_mode = exclusive",
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma journal_size_limit = 4194304",
)
_SUPERSEDED: Final = """
select id, size from (
    select id, size, topic, lead(id) over (partition by topic order by id) as newer from entry where qos = 0
) where newer is not null and substr(topic, -9) = x'2f6576656e742f7570' order by id
"""
"""Uplinks of QoS 0 (their topics end with `/event/up`) with a newer one of the same device behind them, the oldest first."""


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A message as it came."""

    received_at: datetime
    topic: bytes
    payload: bytes
    qos: int
    is_redelivered: bool
    length: int | None
    """Of the whole payload, if `payload` is only its beginning; `digest` likewise."""
    digest: bytes | None
    properties: bytes | None

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.topic) + len(self.payload) + len(self.properties or b"") + _OVERHEAD


class Depth(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The content of a journal, by its amount."""

    rows: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    """When the oldest message was received."""
    dropped: int = 0
    """Uplinks of QoS 0 that were dropped since the start, because the journal was full."""


class JournalUnusable(Exception):  # noqa: N818 - of the file, not of ours
    """The file cannot be used now: it belongs to another process, or this user may not write it."""


Failures: Final = (sqlite3.Error, OSError)
"""Everything that work on the file raises because of the file or its disk."""


def is_damage(error: BaseException) -> bool:
    """Whether the content of the file is at fault, and not its disk, its rights or its user."""
    # The low byte is the primary code of an extended one.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class JournalFile:
    """The open file. `depth` is true after every call, and may be read by any thread."""

    def __init__(self, folder: Path, *, now: datetime) -> None:
        """Open the file or make it. Raises `JournalUnusable`. `now` names a damaged file that is set aside."""
        self.path = folder / NAME
        self.set_aside: Path | None = None
        """Where the last damaged file lies now."""
        self.depth = Depth()
        self._last_id = 0
        """Of all entries that were ever written here. SQLite would begin again with 1 in an empty file, and then `remove` of what was
        read before could delete what came since."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._db = self._opened(now)
        except Failures as error:
            why = "another process uses it" if "locked" in str(error) else str(error)
            raise JournalUnusable(f"{self.path}: {why}") from error

    def close(self) -> None:
        """Close it. Entries stay."""
        self._db.close()

    def delete(self) -> None:
        """Close it and delete it, because nothing is in it and nothing is to be kept."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(NAME + suffix).unlink(missing_ok=True)

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Write the entries behind all others; they are durable when this returns. Raises `Failures`, and then none is written."""
        first = self._last_id + 1
        self._last_id += len(entries)  # also if it fails, because they may be in the file all the same
        with self._transaction():
            self._db.executemany(
                "insert into entry (id, received_at, topic, payload, qos, is_redelivered, length, digest, properties, size)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        number,
                        one.received_at.isoformat(),
                        one.topic,
                        one.payload,
                        one.qos,
                        one.is_redelivered,
                        one.length,
                        one.digest,
                        one.properties,
                        one.size,
                    )
                    for number, one in enumerate(entries, first)
                ],
            )
        self._count(len(entries), sum(one.size for one in entries))

    def head(self, limit: int, *, limit_bytes: int) -> list[tuple[int, JournalEntry]]:
        """The oldest entries with their ids, and at least one if there is any."""
        found: list[tuple[int, JournalEntry]] = []
        size = 0
        rows = self._db.execute(
            "select id, received_at, topic, payload, qos, is_redelivered, length, digest, properties"
            " from entry order by id limit ?",
            [limit],
        )
        for number, received_at, topic, payload, qos, is_redelivered, length, digest, properties in rows:
            entry = JournalEntry(
                received_at=datetime.fromisoformat(received_at),
                topic=topic,
                payload=payload,
                qos=qos,
                is_redelivered=bool(is_redelivered),
                length=length,
                digest=digest,
                properties=properties,
            )
            size += entry.size
            if found and size > limit_bytes:
                break
            found.append((number, entry))
        rows.close()
        return found

    def remove(self, through: int) -> None:
        """Delete the entries up to this id, because PostgreSQL has them. An empty file is made small."""
        rows, size = self._db.execute("select count(*), total(size) from entry where id <= ?", [through]).fetchone()
        with self._transaction():
            self._db.execute("delete from entry where id <= ?", [through])
        self._count(-rows, -int(size))
        if not self.depth.rows:
            self._db.execute("vacuum")
            self._db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def drop_superseded(self, wanted: int) -> None:
        """Delete the oldest superseded uplinks of QoS 0 until so many bytes are free, if there are so many."""
        ids: list[tuple[int]] = []
        freed = 0
        for number, size in self._db.execute(_SUPERSEDED):
            if freed >= wanted:
                break
            ids.append((number,))
            freed += size
        if not ids:
            return
        with self._transaction():
            self._db.executemany("delete from entry where id = ?", ids)
        self._count(-len(ids), -freed, dropped=len(ids))

    def filters(self) -> frozenset[str]:
        """The subscriptions that the broker's session may hold, as they were remembered here."""
        return frozenset(one for (one,) in self._db.execute("select filter from subscription"))

    def remember_filters(self, filters: Iterable[str]) -> None:
        """Write down these instead."""
        with self._transaction():
            self._db.execute("delete from subscription")
            self._db.executemany("insert into subscription (filter) values (?)", [(one,) for one in sorted(filters)])

    def begin_anew(self, now: datetime) -> Path:
        """Set the damaged file aside and make an empty one. Returns where it lies now."""
        self._db.close()
        aside = self.path.with_name(f"{NAME}.damaged-{now:%Y%m%dT%H%M%S%f}")
        for suffix in ("", "-wal"):
            if (part := self.path.with_name(NAME + suffix)).exists():
                part.rename(aside.with_name(aside.name + suffix))
        self.set_aside = aside
        self._db = self._connected()
        self.depth = Depth(dropped=self.depth.dropped)
        return aside

    def _opened(self, now: datetime) -> sqlite3.Connection:
        try:
            self._db = self._connected()
            damage = self._db.execute("pragma quick_check(1)").fetchone()[0]
            if damage == "ok":
                rows, size, self._last_id = self._db.execute(
                    "select count(*), total(size), coalesce(max(id), 0) from entry"
                ).fetchone()
                self._count(rows, int(size))
                return self._db
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
        self.begin_anew(now)
        return self._db

    def _connected(self) -> sqlite3.Connection:
        # SQLite gives its write-ahead log the rights of the file.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)  # without this, a power cut can take the name of a new file
        os.close(folder)
        self._db = sqlite3.connect(self.path, timeout=0.0, isolation_level=None, check_same_thread=False)
        try:
            for setting in _SETTINGS:
                self._db.execute(setting).fetchall()
            self._db.execute("begin exclusive")  # from here on the file is ours alone
            self._db.execute("commit")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error:
            self._db.close()
            raise
        return self._db

    def _count(self, rows: int, size: int, *, dropped: int = 0) -> None:
        oldest = self._db.execute("select received_at from entry order by id limit 1").fetchone()
        self.depth = Depth(
            rows=self.depth.rows + rows,
            bytes=self.depth.bytes + size,
            oldest=datetime.fromisoformat(oldest[0]) if oldest else None,
            dropped=self.depth.dropped + dropped,
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise
