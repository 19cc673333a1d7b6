"""The database is there and takes nothing: administrators, locks, full disks. The gateway uses a role without special rights."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.proof.rig import Rig, number_of
from tests.proof.trial import trial
from tests.whole_gateway import has_logged, until

_PER_SECOND: Final = 300
_ROLE: Final = "car_park"
_CUT: Final = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parking-gateway'"
_CONNECTED: Final = "select count(*) from pg_stat_activity where application_name = 'parking-gateway'"
_GRANT: Final = (
    f"grant all on all tables in schema public to {_ROLE}; grant all on all sequences in schema public to {_ROLE}"
)
_PARTITIONS: Final = """
select inhrelid::regclass::text, pg_get_expr(relpartbound, oid)
from pg_inherits join pg_class on oid = inhrelid where inhparent = 'uplink'::regclass
"""
_LOCK_SECONDS: Final = 60
_AWAY_SECONDS: Final = 120
_DISK_BYTES: Final = 64 << 20


@trial("T4", "the database stopped for two minutes", short=0, long=1)
async def away(rig: Rig, times: int) -> None:
    """Everything is acknowledged meanwhile, because it is in the journal."""
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(1, 2)
            await asyncio.to_thread(rig.server.stop)
            await rig.reports_missing("database")
            await asyncio.sleep(_AWAY_SECONDS)
            rig.happened(not rig.server.is_running)
            await _report_journal(rig)
            await asyncio.to_thread(rig.server.start)
            await rig.recover()


@trial("T4", "the table `uplink` locked for 60 s", short=0, long=1)
async def locked(rig: Rig, times: int) -> None:
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND), _administrator(rig) as admin:
        for _ in range(times):
            await rig.pause(1, 2)
            async with admin.transaction():
                await admin.execute("lock table uplink in access exclusive mode")
                began = rig.seconds()
                await until(partial(_has_kept, rig), "uplinks in the journal")
                rig.reports.append(f"journal in use after {rig.seconds() - began:.1f} s")
                await rig.reports_missing("database")
                await asyncio.sleep(_LOCK_SECONDS - (rig.seconds() - began))
                rig.happened(await _is_waiting(rig))
                await _report_journal(rig)
            await rig.recover()


@trial("T4", "all connections of the server taken by others", short=0, long=3)
async def exhausted(rig: Rig, times: int) -> None:
    rig.server.configure("alter system set max_connections = 30")
    await asyncio.to_thread(rig.server.stop)
    await asyncio.to_thread(rig.server.start)
    async with _role(rig) as admin, rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1)
            async with _without_connections(rig, admin):
                rig.happened(await number_of(admin, _CONNECTED) == 0)
                await rig.reports_missing("database")
                await until(partial(has_logged, rig.gateway, "remaining connection slots are reserved"), "its reason")
            await rig.recover()


@asynccontextmanager
async def _without_connections(rig: Rig, admin: psycopg.AsyncConnection) -> AsyncIterator[None]:
    """Inside, another role has all connections that are not reserved for superusers."""
    await admin.execute("create role greedy login")
    url = rig.server.url.replace("postgres@", "greedy@")
    async with AsyncExitStack() as stack:

        async def has_all() -> bool:
            await admin.execute(_CUT)
            try:
                while True:
                    await stack.enter_async_context(await psycopg.AsyncConnection.connect(url))
            except psycopg.OperationalError:
                return await number_of(admin, _CONNECTED) == 0

        await until(has_all, "no connection of the gateway's")
        yield
    await admin.execute("drop role greedy")


@trial("T4", "the database is made read-only", short=0, long=3)
async def read_only(rig: Rig, times: int) -> None:
    async with _role(rig) as admin:
        await _refuse(
            rig,
            times,
            admin,
            breaks=["alter database parking set default_transaction_read_only = on", _CUT],
            mends=["alter database parking reset default_transaction_read_only", _CUT],
            sentence="in a read-only transaction",
        )


@trial("T4", "a right of the gateway is revoked", short=0, long=3)
async def revoked(rig: Rig, times: int) -> None:
    async with _role(rig) as admin:
        await _refuse(
            rig,
            times,
            admin,
            breaks=[f"revoke insert on uplink from {_ROLE}"],
            mends=[f"grant insert on uplink to {_ROLE}"],
            sentence="permission denied for table uplink",
        )


@trial("T4", "all tables belong to another owner, as after a restore", short=0, long=3)
async def another_owner(rig: Rig, times: int) -> None:
    async with _role(rig) as admin:
        await _refuse(
            rig,
            times,
            admin,
            breaks=[f"revoke all on all tables in schema public from {_ROLE}", _CUT],
            mends=[_GRANT],
            sentence="permission denied for table",
        )


@trial("T4", "all partitions of `uplink` detached", short=0, long=3)
async def detached(rig: Rig, times: int) -> None:
    async with _role(rig) as admin:
        partitions = await (await admin.execute(_PARTITIONS.encode())).fetchall()
        await _refuse(
            rig,
            times,
            admin,
            breaks=[f"alter table uplink detach partition {name}" for name, _ in partitions],
            mends=[f"alter table uplink attach partition {name} {bounds}" for name, bounds in partitions],
            sentence="no partition of relation",
        )


@trial("T4", "the disk of `uplink` is full", short=1, long=3)
async def full_disk(rig: Rig, times: int) -> None:
    """A tablespace on a small tmpfs, which needs root."""
    with _small_disk(rig) as disk:
        async with _role(rig) as admin:
            await admin.execute(f"create tablespace small location '{disk}/data'".encode())
            for name, _ in await (await admin.execute(_PARTITIONS.encode())).fetchall():
                await admin.execute(f"alter table {name} set tablespace small".encode())
            async with rig.load.steady(_PER_SECOND):
                for _ in range(times):
                    await rig.pause(0.5, 1)
                    filler = _fill(disk)
                    for sentence in ("No space left on device", "make room"):
                        await until(partial(has_logged, rig.gateway, sentence), f"a line with: {sentence}")
                    rig.happened(os.statvfs(disk).f_bavail == 0)
                    await rig.reports_missing("database")
                    filler.unlink()
                    await rig.recover()
            await asyncio.to_thread(rig.gateway.terminate)
            for name, _ in await (await admin.execute(_PARTITIONS.encode())).fetchall():
                await admin.execute(f"alter table {name} set tablespace pg_default".encode())
            await admin.execute("drop tablespace small")
            await rig.start_gateway()


@contextmanager
def _small_disk(rig: Rig) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a full disk needs root, for a tmpfs")
    disk = rig.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "none", disk], check=True)
    try:
        owner = (rig.folder / "postgresql").stat()
        (disk / "data").mkdir(mode=0o700)
        os.chown(disk / "data", owner.st_uid, owner.st_gid)
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def _fill(disk: Path) -> Path:
    filler = disk / "filler"
    # Unbuffered, so that closing it has nothing left to write.
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


@asynccontextmanager
async def _administrator(rig: Rig) -> AsyncIterator[psycopg.AsyncConnection]:
    options = "-c default_transaction_read_only=off"
    async with await psycopg.AsyncConnection.connect(rig.server.url, autocommit=True, options=options) as admin:
        yield admin


@asynccontextmanager
async def _role(rig: Rig) -> AsyncIterator[psycopg.AsyncConnection]:
    """The gateway is started with a role that has only the rights that it needs. Yields an administrator."""
    async with _administrator(rig) as admin:
        await admin.execute(f"create role {_ROLE} login; {_GRANT}".encode())
        rig.gateway.configure(
            DATABASE__URL=rig.server.url.replace("postgres@", f"{_ROLE}@"),
            DATABASE__RECONNECT_WAIT_MIN="0.1",
            DATABASE__RECONNECT_WAIT_MAX="0.3",
        )
        await rig.start_gateway()
        yield admin


async def _refuse(
    rig: Rig,
    times: int,
    admin: psycopg.AsyncConnection,
    *,
    breaks: Sequence[str],
    mends: Sequence[str],
    sentence: str,
) -> None:
    """Break it until the log has the sentence and all voices report it."""
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1)
            size = rig.gateway.log.stat().st_size
            for statement in breaks:
                await admin.execute(statement.encode())
            await until(partial(_has_logged_since, rig, size, sentence), f"a line with: {sentence}")
            await rig.reports_missing("database")
            rig.happened(await _has_logged_since(rig, size, sentence))
            for statement in mends:
                await admin.execute(statement.encode())
            await rig.recover()


async def _has_logged_since(rig: Rig, size: int, sentence: str) -> bool:
    return sentence in rig.gateway.log.read_bytes()[size:].decode()


async def _has_kept(rig: Rig) -> bool:
    return await asyncio.to_thread(rig.gateway.metric, "parking_gateway_journal_messages") > 0


async def _is_waiting(rig: Rig) -> bool:
    async with _administrator(rig) as admin:
        query = "select count(*) from pg_locks where not granted and relation = 'uplink'::regclass"
        return await number_of(admin, query) > 0


async def _report_journal(rig: Rig) -> None:
    kept = await asyncio.to_thread(rig.gateway.metric, "parking_gateway_journal_messages")
    rig.reports.append(f"{kept:,.0f} events in the journal")
