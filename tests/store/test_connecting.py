"""A new connection: its pinned settings, its round trips, and the databases that it refuses."""

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.pool import Pool, opened
from parking_gateway.store.schema import SchemaMismatch
from parking_gateway.store.session_settings import PINNED
from parking_gateway.store.verdicts import FAILURES, Verdict, diagnosis_of
from tests import forked
from tests.events import message, up
from tests.plugins.car_park import CarPark

OF_A_ROLE = {
    "client_encoding": "LATIN1",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "TimeZone": "America/New_York",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "default_transaction_isolation": "serializable",
    "client_min_messages": "error",
}
NAME = "Straße Žižkov, Höhe 2 m 🅿 \\ '%s'"
_numbers = count()


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """The URL for a role with other settings than ours."""
    name = f"strange_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login superuser").format(sql.Identifier(name)))
        for setting, value in OF_A_ROLE.items():
            connection.execute(
                sql.SQL("alter role {} set {} = {}").format(*map(sql.Identifier, (name, setting.lower())), value)
                if setting != "DateStyle"
                else sql.SQL("alter role {} set datestyle = 'SQL', 'DMY'").format(sql.Identifier(name))
            )
        yield database.replace("postgres@", f"{name}@")
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


async def test_settings_of_a_role_do_not_change_the_meaning_of_text(role: str, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    with psycopg.connect(role) as connection:
        assert connection.execute("show client_encoding").fetchone() == ("LATIN1",)
    async with opened(role, DatabaseConfig()) as pool:
        async with pool.engine.connect() as pinned:
            found = {name: await pinned.scalar(sa.text(f"show {name}")) for name in OF_A_ROLE}
        assert found == {name: PINNED[name] for name in OF_A_ROLE}
        await recorded(pool, device, name=NAME)
        async with pool.engine.connect() as connection:
            assert await connection.scalar(sa.text("select name from device")) == NAME


async def test_settings_that_a_pooler_swallows_are_set_by_statements(role: str) -> None:
    """The same happens if a URL asks for another encoding beside the options."""
    async with opened(f"{role}&client_encoding=LATIN1", DatabaseConfig()) as pool, pool.engine.connect() as pinned:
        found = {name: await pinned.scalar(sa.text(f"show {name}")) for name in OF_A_ROLE}
    assert found == {name: PINNED[name] for name in OF_A_ROLE}


async def test_nothing_is_planned_or_compiled_for_each_execution(database: str) -> None:
    """Both take longer than the statements."""
    async with opened(database, DatabaseConfig()) as pool, pool.engine.connect() as ours:
        found = [await ours.scalar(sa.text(f"show {name}")) for name in ("plan_cache_mode", "jit")]
    assert found == ["force_generic_plan", "off"]


async def recorded(pool: Pool, device: str, *, name: str = "", at: float = 0) -> None:
    event = json.loads(up(device, at=at))
    event["deviceInfo"]["deviceName"] = name
    batch = [message(device, json.dumps(event).encode())]
    now = datetime.now(UTC)
    found = read(batch, received_at=now, limits=chirpstack.Limits(payload_bytes=65_536, depth=32))
    async with pool.connect() as connection:
        await record(connection, found, decoder=Decoder(), announce_every=timedelta(0))


async def test_the_first_uplink_of_a_connection_takes_three_more_round_trips_at_most(
    database: str, car_park: CarPark, tmp_path: Path
) -> None:
    (device,) = await car_park(1)
    async with opened(database, DatabaseConfig()) as pool, traced(pool.engine, tmp_path / "trace") as round_trips:
        await recorded(pool, device)
        pool.renew()
        before = round_trips()
        await recorded(pool, device, at=1)
        first = round_trips() - before
        await recorded(pool, device, at=2)
        second = round_trips() - before - first
    assert second == 2
    assert first <= second + 3


@asynccontextmanager
async def traced(engine: AsyncEngine, path: Path) -> AsyncIterator[Any]:
    """The number of round trips, by the trace of libpq."""
    with path.open("wb") as trace:
        sa.event.listen(
            engine.sync_engine,
            "connect",
            lambda connection, _: connection.driver_connection.pgconn.trace(trace.fileno()),
        )
        yield lambda: sum(line.split("\t")[-1].startswith(("Sync", "Query")) for line in _sent(path))


def _sent(path: Path) -> list[str]:
    return [
        "\t".join(part for part in line.split("\t")[3:]) for line in path.read_text().splitlines() if "\tF\t" in line
    ]


@pytest.fixture
def narrow(postgres: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database that is not in UTF-8."""
    name = f"narrow_{os.getpid()}_{next(_numbers)}"
    words = sql.SQL("create database {} encoding {} locale 'C' template template0")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(words.format(sql.Identifier(name), request.param))
        yield postgres.replace("/postgres?", f"/{name}?")
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.mark.parametrize("narrow", ["LATIN1", "SQL_ASCII"], indirect=True)
async def test_a_database_that_is_not_in_utf8_is_refused(narrow: str) -> None:
    with pytest.raises(SchemaMismatch, match=r"has the encoding .* Create another one"):
        async with opened(narrow, DatabaseConfig()) as pool, pool.engine.connect():
            pass


@pytest.mark.parametrize("narrow", ["LATIN1"], indirect=True)
@pytest.mark.parametrize("command", ["run", "doctor", "migrate", "spaces list"])
def test_every_command_refuses_it_in_a_sentence(narrow: str, command: str) -> None:
    settings = {"PARKING_GATEWAY_DATABASE__URL": narrow, "PARKING_GATEWAY_TELEMETRY__LISTEN": ""}
    ended = forked.run(*command.split(), env=os.environ | settings)
    assert ended.returncode == (78 if command == "run" else 1)
    assert "has the encoding LATIN1" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_server_that_ends_every_new_connection_is_away(database: str) -> None:
    """For example one that shuts down. With connections in the pool, SQLAlchemy would raise an error of its own."""
    async with opened(database, DatabaseConfig(pool_size=1)) as pool:
        async with pool.engine.connect() as connection:
            await connection.execute(sa.text("select 1"))
        pool.renew()
        ended: list[int] = []

        def end(connection: Any, _record: object) -> None:
            pgconn = connection.driver_connection.pgconn
            with psycopg.connect(database, autocommit=True) as other:
                other.execute("select pg_terminate_backend(%s, 10000)", [pgconn.backend_pid])
            ended.append(pgconn.backend_pid)

        sa.event.listen(pool.engine.sync_engine, "connect", end)
        with pytest.raises(FAILURES) as raised:
            async with pool.engine.connect() as connection:
                await connection.execute(sa.text("select 1"))
    assert ended
    assert diagnosis_of(raised.value).verdict is Verdict.AWAY
