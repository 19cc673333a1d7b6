"""Rows that are older than they are kept go, after they are archived, and uplinks do not wait meanwhile."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.clock import retention
from parking_gateway.clock.moment import Moment
from parking_gateway.clock.partitions import make_missing
from parking_gateway.clock.rounds import ROUNDS, Rounds
from parking_gateway.core.committed import Committed
from parking_gateway.process.config.retention import RetentionConfig
from parking_gateway.process.wall_clock import utc
from parking_gateway.store import partitions
from parking_gateway.store import retention as store
from parking_gateway.store.archive_file import ArchiveFailed, ArchiveFile, rows_of
from parking_gateway.store.partitions import GROWN, Month, month_of
from parking_gateway.store.pool import Pool
from parking_gateway.store.query import Query
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.metrics import Metrics
from parking_gateway.telemetry.report import Report
from tests.plugins.car_park import CarPark

NOW: Final = datetime.now(UTC)
DAY: Final = timedelta(days=1)
INSERT: Final = {
    "uplink": "insert into uplink (deduplication_id, dev_eui, time, heard_at, received_at, f_cnt, f_port, data, confirmed,"
    " gateway_count) select gen_random_uuid(), 'a840410000000001', :at, :heard_at, :heard_at, n, 1, '\\x00ff', false, 1"
    " from generate_series(1, :rows) n",
    "transition": 'insert into transition (space, "from", "to", at, cause)'
    " select id, 'FREE', 'OCCUPIED', :at, '' from space, generate_series(1, :rows)",
    "rejection": "insert into rejection (received_at, topic, reason, detail, payload, digest)"
    " select :at, 't', 'malformed', 'd', '', gen_random_uuid() from generate_series(1, :rows)",
    "device_event": "insert into device_event (digest, dev_eui, time, heard_at, received_at, kind)"
    " select gen_random_uuid(), 'a840410000000001', :at, :heard_at, :heard_at, 'join' from generate_series(1, :rows)",
    "past_reading": "insert into past_reading (deduplication_id, position, dev_eui, at, heard_at)"
    " select gen_random_uuid(), 0, 'a840410000000001', :at, :at from generate_series(1, :rows)",
    "request": "insert into request (at, digest, mid, client, verb, by, outcome)"
    " select :at, gen_random_uuid(), n, 'c', 'space/get', 'anna', 'ok' from generate_series(1, :rows) n",
}
UPLINKS: Final = RetentionConfig(past_readings=0, device_events=0, rejections=0, requests=0)
ALL: Final = RetentionConfig(
    uplinks=400, past_readings=400, device_events=400, rejections=400, requests=400, transitions=400
)


def months_ago(number: int) -> datetime:
    """The middle of a month in the past."""
    return month_of(NOW, ahead=-number) + 14 * DAY


def name_of(table: str, at: datetime) -> str:
    """The partition of the month of this time."""
    return f"{table}_{at:%Y_%m}"


async def insert(
    engine: AsyncEngine, table: str, at: datetime, *, rows: int = 1, heard_at: datetime | None = None
) -> None:
    """Insert rows that claim the time `at`."""
    statement = INSERT[table]
    given: dict[str, Any] = {"at": at, "rows": rows}
    if ":heard_at" in statement:
        given["heard_at"] = heard_at or at
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement), given)


async def make(pool: Pool, *days: datetime) -> None:
    """Make the partitions of every table of the months of these days."""
    async with pool.connect() as connection:
        await connection.commit_together(
            *(partitions.make(Month(table, month_of(day), month_of(day, ahead=1))) for table in GROWN for day in days)
        )


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


def files_in(folder: Path) -> list[Path]:
    """The files of a folder, by name."""
    return sorted(folder.iterdir())


async def partitions_of(engine: AsyncEngine, table: str) -> set[str]:
    found = await rows(
        engine, f"select inhrelid::regclass::text from pg_inherits where inhparent = '{table}'::regclass"
    )
    return {name for (name,) in found}


async def go(pool: Pool, config: RetentionConfig, *, now: datetime = NOW, instance: str = "one") -> Committed:
    moment = Moment(now=now, listening_since=None, lost_after=DAY, instance=instance, retention=config)
    return await retention.go(pool, moment)


@pytest.fixture
async def years(pool: Pool, engine: AsyncEngine, car_park: CarPark) -> None:
    """Of every table, ten rows in each of four months, two of which are older than 400 days, and in the present one."""
    await car_park(1)
    await make(pool, *map(months_ago, (20, 15, 12, 1, 0)))
    for table in INSERT:
        for number in (20, 15, 12, 1):
            await insert(engine, table, months_ago(number), rows=10)
        await insert(engine, table, NOW, rows=10)


@pytest.mark.usefixtures("years")
@pytest.mark.parametrize("table", INSERT)
async def test_months_of_every_table_are_dropped_by_age_and_all_others_stay(
    pool: Pool, engine: AsyncEngine, table: str
) -> None:
    assert (
        await go(pool, RetentionConfig(**{f"{one}s": 400 if one == table else 0 for one in INSERT}))
    ).partitions_dropped == 2
    gone = {name_of(table, months_ago(20)), name_of(table, months_ago(15))}
    for one in INSERT:
        left = await partitions_of(engine, one)
        assert gone & left == set()
        assert name_of(one, months_ago(12)) in left
        assert await rows(engine, f"select count(*) from {one}") == [(30 if one == table else 50,)]


@pytest.mark.usefixtures("years")
async def test_the_log_is_kept_by_default(pool: Pool, engine: AsyncEngine) -> None:
    await go(pool, RetentionConfig())
    assert await rows(engine, "select (select count(*) from transition), (select count(*) from uplink)") == [(50, 30)]


@pytest.mark.usefixtures("years")
async def test_an_archive_has_every_row_before_its_month_is_dropped(
    pool: Pool, engine: AsyncEngine, tmp_path: Path
) -> None:
    await insert(engine, "uplink", months_ago(15), rows=2 * 2000 + 1)
    stored = await rows(
        engine,
        "select deduplication_id::text, f_cnt, heard_at, encode(data, 'hex') from uplink"
        f" where time < '{months_ago(14).isoformat()}' order by 1",
    )
    await go(pool, ALL.model_copy(update={"archive": tmp_path}))
    archives = files_in(tmp_path)
    assert [one.name for one in archives] == sorted(
        f"{name_of(table, months_ago(number))}.jsonl.gz" for table in INSERT for number in (20, 15)
    )
    archived = [row for one in archives if one.name.startswith("uplink") for row in rows_of(one)]
    assert len(stored) == 4021
    assert sorted(
        (
            row["deduplication_id"],
            row["f_cnt"],
            datetime.fromisoformat(row["heard_at"]),
            row["data"].removeprefix("\\x"),
        )
        for row in archived
    ) == [tuple(row) for row in stored]


async def test_an_archive_of_uplinks_names_the_codec_that_read_them(
    pool: Pool, engine: AsyncEngine, tmp_path: Path
) -> None:
    """Its number means another codec in another database."""
    await make(pool, months_ago(15))
    await insert(engine, "uplink", months_ago(15), rows=2)
    await insert(engine, "uplink", NOW)
    async with engine.begin() as connection:
        codec = "insert into codec (name, version) values ('bosch_tps110', '0123456789ab') returning id"
        await connection.execute(
            sa.text(f"with new as ({codec}) update uplink set codec_id = new.id from new where f_cnt % 2 = 0")
        )
    await go(pool, UPLINKS.model_copy(update={"archive": tmp_path}))
    (archive,) = files_in(tmp_path)
    found = {(row["codec_id"], row["codec"]) for row in rows_of(archive)}
    assert found == {(1, "bosch_tps110@0123456789ab"), (None, None)}


async def test_a_page_of_an_archive_is_small_whatever_the_rows_are(
    pool: Pool, engine: AsyncEngine, tmp_path: Path
) -> None:
    """A gateway has 250 MB, and a rejected payload can have megabytes."""
    await make(pool, months_ago(20))
    async with engine.begin() as connection:
        statement = INSERT["rejection"].replace("'d', ''", "'d', convert_to(repeat('x', 65000), 'utf8')")
        await connection.execute(sa.text(statement), {"at": months_ago(20), "rows": 100})
    (month,) = await ask(pool, store.months(GROWN[2]))
    page = await ask(pool, store.page(month, after=store.FIRST))
    assert page.rows < 20
    assert len(page.lines) < store.BYTES_AT_ONCE + 200_000
    await go(pool, RetentionConfig(uplinks=0, past_readings=0, device_events=0, requests=0, archive=tmp_path))
    (archive,) = files_in(tmp_path)
    assert len({row["id"] for row in rows_of(archive)}) == 100


async def ask(pool: Pool, query: Query[Any]) -> Any:
    async with pool.connect() as connection:
        (answer,) = await connection.commit_together(query)
    return answer


@pytest.mark.usefixtures("years")
async def test_a_month_that_cannot_be_archived_stays(pool: Pool, engine: AsyncEngine, tmp_path: Path) -> None:
    with pytest.raises(ArchiveFailed, match=r"absent/uplink_.* cannot be written: No such file or directory"):
        await go(pool, ALL.model_copy(update={"archive": tmp_path / "absent"}))
    assert await rows(engine, "select count(*) from uplink") == [(50,)]


@pytest.mark.usefixtures("years")
async def test_a_retention_that_fails_is_in_health_and_metrics_until_it_succeeds(pool: Pool, tmp_path: Path) -> None:
    folder = tmp_path / "absent"
    moment = Moment(
        now=NOW, listening_since=None, lost_after=DAY, instance="one", retention=RetentionConfig(archive=folder)
    )
    health = Health(stalled_after=DAY)
    health.database_answered("tests", None)
    metrics = Metrics(health)
    report = Report(health=health, metrics=metrics, root="parking/v1", clock=utc)
    rounds = Rounds(database=pool, moment=lambda: moment, report=report.committed, failed=report.round_failed)
    (one,) = (one for one in ROUNDS if one.name == "retention")
    assert not await rounds.go(one)
    (problem,) = health.problems.values()
    assert problem.startswith("Old rows cannot be deleted now; trying again: The archive ")
    assert metrics.registry.get_sample_value("parking_gateway_retention_failures_total") == 1
    await asyncio.to_thread(folder.mkdir)
    assert await rounds.go(one)
    assert not health.problems
    dropped = {"result": "dropped"}
    assert metrics.registry.get_sample_value("parking_gateway_retention_months_total", dropped) == 10


@pytest.mark.usefixtures("years")
async def test_a_month_that_gets_rows_while_it_is_archived_stays_until_the_archive_is_complete(
    pool: Pool, engine: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The uplink comes between the last page and the lock."""
    complete = ArchiveFile.complete

    def late(archive: ArchiveFile) -> None:
        if name_of("uplink", months_ago(15)) in archive.path.name:
            asyncio.run(insert(engine, "uplink", months_ago(15)))
        complete(archive)

    config = RetentionConfig(archive=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(ArchiveFile, "complete", late)
        outcome = await go(pool, config)
    assert outcome.drops_postponed == 1
    assert await rows(engine, f"select count(*) from {name_of('uplink', months_ago(15))}") == [(11,)]
    assert not [one for one in files_in(tmp_path) if one.suffix == ".part"]
    await go(pool, config)
    archive = tmp_path / f"{name_of('uplink', months_ago(15))}.jsonl.gz"
    assert len(list(rows_of(archive))) == 11
    assert name_of("uplink", months_ago(15)) not in await partitions_of(engine, "uplink")


@pytest.mark.usefixtures("years")
async def test_uplinks_do_not_wait_while_a_report_holds_up_the_drop(
    pool: Pool, engine: AsyncEngine, database: str
) -> None:
    """It holds its locks for as long as it likes. A short one is waited for, but not for long; a long one is not."""
    waiting = "select count(*) from pg_locks where not granted"
    config = UPLINKS.model_copy(update={"archive": None})
    async with await psycopg.AsyncConnection.connect(database) as report:
        await report.execute("select count(*) from uplink")
        assert (await go(pool, config)).drops_postponed == 2
        assert await rows(engine, waiting) == [(0,)]
        began = asyncio.get_running_loop().time()
        await insert(engine, "uplink", NOW)
        assert asyncio.get_running_loop().time() - began < 2
        (is_long,) = await held(engine, report.info.backend_pid)
        while not is_long:
            (is_long,) = await held(engine, report.info.backend_pid)
        dropping = asyncio.create_task(go(pool, config))
        while not dropping.done():
            assert await rows(engine, waiting) == [(0,)]
        assert (await dropping).drops_postponed == 2
    assert (await go(pool, config)).partitions_dropped == 2
    assert await rows(engine, "select count(*) from uplink") == [(31,)]


async def held(engine: AsyncEngine, pid: int) -> Any:
    """Whether the transaction of this backend is a long one."""
    age = f"select clock_timestamp() - xact_start > interval '1.1 seconds' from pg_stat_activity where pid = {pid}"
    return (await rows(engine, age))[0]


async def test_rows_that_wrong_clocks_have_dated_go_a_few_at_a_time(
    pool: Pool, engine: AsyncEngine, tmp_path: Path
) -> None:
    old, year_1, year_2050 = NOW - 401 * DAY, datetime(1, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
    await insert(engine, "uplink", year_1, rows=2500, heard_at=old)
    await insert(engine, "uplink", year_2050, rows=10, heard_at=old)
    await insert(engine, "uplink", year_1, rows=3, heard_at=NOW)
    await insert(engine, "uplink", year_2050, rows=3, heard_at=NOW)
    assert (await go(pool, RetentionConfig(archive=tmp_path))).rows_deleted == 2510
    assert await rows(engine, "select time, count(*) from uplink_default group by 1 order by 1") == [
        (year_1, 3),
        (year_2050, 3),
    ]
    (archive,) = files_in(tmp_path)
    assert archive.name.startswith("uplink_default_")
    assert len(list(rows_of(archive))) == 2510


@pytest.mark.usefixtures("years")
async def test_a_clock_that_is_ahead_by_years_drops_nothing(pool: Pool, engine: AsyncEngine) -> None:
    """Neither ours nor, with uplinks of the present, that of the database."""
    before = await rows(engine, "select count(*) from uplink")
    await go(pool, RetentionConfig(uplinks=3000), now=NOW + 3650 * DAY)
    assert await rows(engine, "select count(*) from uplink") == before
    made = await make_missing(pool, now=NOW + 3650 * DAY)
    assert len(made) == 3 * len(GROWN)


async def test_a_car_park_that_was_shut_for_years_loses_nothing(pool: Pool, engine: AsyncEngine) -> None:
    await make(pool, months_ago(24), months_ago(23))
    await insert(engine, "uplink", months_ago(24))
    await insert(engine, "uplink", months_ago(23))
    assert (await go(pool, UPLINKS)).partitions_dropped == 0
    await insert(engine, "uplink", NOW)
    assert (await go(pool, UPLINKS)).partitions_dropped == 2


@pytest.mark.usefixtures("years")
async def test_two_gateways_drop_a_month_once(pool: Pool, engine: AsyncEngine, tmp_path: Path) -> None:
    config = RetentionConfig(archive=tmp_path)
    outcomes = await asyncio.gather(*(go(pool, config, instance=one) for one in ("one", "two")))
    await go(pool, config)
    assert sum(one.partitions_dropped for one in outcomes) <= 10
    assert await rows(engine, "select count(*) from uplink") == [(30,)]
    assert len(files_in(tmp_path)) == 10


async def test_a_large_default_partition_is_not_read_with_locks_in_hand(
    pool: Pool, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The month that is crowded by a wrong clock gets no partition; all others get theirs."""
    monkeypatch.setattr(partitions, "LARGE", 0)
    crowded = month_of(NOW, ahead=2)
    await insert(engine, "uplink", crowded + DAY, rows=3, heard_at=NOW)
    made = await make_missing(pool, now=NOW)
    assert name_of("uplink", crowded) not in made
    assert len(made) == 3 * len(GROWN) - 1
    assert await rows(engine, "select count(*) from uplink_default") == [(3,)]
    left = "select conname from pg_constraint where conname like 'not_in_%'"
    assert await rows(engine, left) == []
    await insert(engine, "uplink", month_of(NOW, ahead=1) + DAY)
    await insert(engine, "uplink", crowded + DAY)
    monkeypatch.undo()
    assert await make_missing(pool, now=NOW) == [name_of("uplink", crowded)]
    assert await rows(engine, f"select count(*) from {name_of('uplink', crowded)}") == [(4,)]


def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    archive = ArchiveFile(tmp_path, "uplink_2025_01", writer="tests")
    for _ in range(100):
        archive.write(f'{{"deduplication_id": "{uuid4()}"}}', rows=1)
    archive.complete()
    archive.name_it()
    whole = archive.path.read_bytes()
    archive.path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveFailed, match=r"uplink_2025_01\.jsonl\.gz cannot be read as an archive"):
        list(rows_of(archive.path))
