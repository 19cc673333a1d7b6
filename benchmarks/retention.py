"""`make bench-retention`: the latency of uplinks while a month of rows is archived and dropped, and while pg_dump runs.

Uplinks are recorded by the gateway's own intake, in the process that drops the months, because that is the process of a gateway.
"""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from uuid import uuid4

import psycopg
import typer
from loguru import logger

from benchmarks import events, history
from benchmarks.stage import print_line, stage
from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock import retention
from parking_gateway.clock.moment import Moment
from parking_gateway.clock.partitions import make_missing
from parking_gateway.core.committed import Committed
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.process.config.retention import RetentionConfig
from parking_gateway.store import embedded
from parking_gateway.store.partitions import month_of
from parking_gateway.store.pool import Pool, opened

_SPACES: Final = 1000
_PER_SECOND: Final = 20
_LIMITS: Final = chirpstack.Limits(payload_bytes=65_536, depth=32)
_QUIET: Final = 10.0
"""Seconds of uplinks alone."""
_KEPT: Final = RetentionConfig(past_readings=0, device_events=0, rejections=0)
_HEAD: Final = (
    "| meanwhile | seconds | uplinks | median ms | 99 % ms | longest ms |\n| --- | ---: | ---: | ---: | ---: | ---: |"
)

Rows = Annotated[int, typer.Option("--rows", min=1000, help="Rows of each of the two months that are dropped.")]


def main(*, rows: Rows = 10_000_000) -> None:
    """Fill two old months, and print a table of Markdown."""
    logger.disable("parking_gateway")
    with stage() as ground:
        url = ground.make("retention", spaces=_SPACES, is_published=True)
        asyncio.run(_measured(url, ground.folder, rows=rows))


async def _measured(url: str, folder: Path, *, rows: int) -> None:
    async with opened(url, DatabaseConfig()) as pool:
        await make_missing(pool, now=datetime.now(UTC))
        for ago in (20, 21):
            await asyncio.to_thread(fill, url, rows=rows, months_ago=ago)
        print_line(f"Two months of {rows:,} uplinks; {_PER_SECOND} uplinks a second of {_SPACES:,} spaces\n\n{_HEAD}")
        await _while(pool, "nothing else", lambda: asyncio.sleep(_QUIET))
        await _while(pool, "pg_dump, and a drop is tried all the time", lambda: _dump(pool, url, folder / "dump"))
        now = datetime.now(UTC)
        age = (now - month_of(now, ahead=-20)).days - 1
        archive = _KEPT.model_copy(update={"archive": folder, "uplinks": age})
        await _while(pool, f"{rows:,} rows are archived and dropped", lambda: _drop(pool, archive))
        size = await asyncio.to_thread(_archived, folder)
        await _while(pool, f"{rows:,} rows are dropped", lambda: _drop(pool, _KEPT))
        print_line(f"\nThe archive has {size / 1e6:,.0f} MB.")


def fill(url: str, *, rows: int, months_ago: int) -> None:
    """So many uplinks in the last days of a month."""
    first = month_of(datetime.now(UTC), ahead=-months_ago)
    after = month_of(first, ahead=1)
    days = 25
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set maintenance_work_mem = '512MB'; set timezone = 'UTC'")
        table = f"uplink_{first:%Y_%m}"
        connection.execute(f"create table {table} (like uplink including defaults including constraints)")
        facts = {"spaces": _SPACES, "every": timedelta(days=days) * _SPACES / rows}
        statement = history.FILL.format(table=table)
        connection.execute(statement, {**facts, "first": after - timedelta(days=days), "after": after})
        connection.execute(f"alter table uplink attach partition {table} for values from ('{first}') to ('{after}')")
        connection.execute("checkpoint")


def _archived(folder: Path) -> int:
    """Bytes."""
    return sum(one.stat().st_size for one in folder.glob("*.jsonl.gz"))


async def _while(pool: Pool, words: str, work: Callable[[], Awaitable[object]]) -> None:
    """Record uplinks until the work is done, and print how long each took."""
    done = asyncio.Event()
    recording = asyncio.create_task(_record(pool, until=done))
    began = time.monotonic()
    await work()
    done.set()
    took = sorted(await recording)
    seconds = time.monotonic() - began
    figures = (statistics.median(took), took[round(0.99 * (len(took) - 1))], took[-1])
    shown = " | ".join(f"{1000 * figure:.1f}" for figure in figures)
    print_line(f"| {words} | {seconds:.1f} | {len(took):,} | {shown} |")


async def _record(pool: Pool, *, until: asyncio.Event) -> list[float]:
    """The seconds from the moment at which each uplink was due to its commit: a wait delays those behind it too."""
    decoder, took, number = Decoder(), [], 0
    began = time.monotonic()
    while not until.is_set():
        due = began + number / _PER_SECOND
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = datetime.now(UTC)
        async with pool.connect() as connection:
            found = read([_message(number, now)], received_at=now, limits=_LIMITS)
            await record(connection, found, decoder=decoder, announce_every=timedelta(hours=1))
        took.append(time.monotonic() - due)
        number += 1
    return took


def _message(number: int, now: datetime) -> Message:
    space = number % _SPACES + 1
    fields = events.UplinkFields(
        deduplication_id=str(uuid4()),
        time=now,
        space=space,
        f_cnt=number,
        data=bytes([number // _SPACES % 2]),
        gateways=1,
    )
    return Message(events.topic_of(space), events.write(fields, "json"), mid=1, qos=1, is_redelivered=False)


async def _drop(pool: Pool, kept: RetentionConfig) -> Committed:
    moment = Moment(
        now=datetime.now(UTC), listening_since=None, lost_after=timedelta(1), instance="bench", retention=kept
    )
    return await retention.go(pool, moment)


async def _dump(pool: Pool, url: str, file: Path) -> None:
    """Dump the database, and try to drop the months ten times a second meanwhile."""
    dumping = await asyncio.create_subprocess_exec(
        str(embedded.programs() / "pg_dump"), "--format=custom", "--file", str(file), url, stderr=subprocess.DEVNULL
    )
    ended = asyncio.create_task(dumping.wait())
    await asyncio.sleep(0.5)
    while not ended.done():
        outcome = await _drop(pool, _KEPT)
        if outcome.partitions_dropped:
            print_line("The dump let a month be dropped.")
        await asyncio.sleep(0.1)


if __name__ == "__main__":
    typer.run(main)
