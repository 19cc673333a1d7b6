"""PgBouncer between the gateway and PostgreSQL, in session mode and in transaction mode."""

import os
from collections.abc import Iterator
from functools import partial
from itertools import count

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import migrating
from parking_gateway.store.pool import opened
from parking_gateway.store.session_settings import PINNED
from parking_gateway.store.verdicts import WrongSettings, diagnosis_of
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.pgbouncer import Pooled
from tests.whole_gateway import has_logged, publish, settled, traffic, until

IGNORED = "ignore_startup_parameters = options"
_numbers = count()


@pytest.fixture
def role(database: str) -> Iterator[str]:
    """A role with a setting that would change the meaning of text."""
    name = sql.Identifier(f"pooled_{os.getpid()}_{next(_numbers)}")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login superuser").format(name))
        connection.execute(sql.SQL("alter role {} set bytea_output = 'escape'").format(name))
        yield name.as_string().strip('"')
        connection.execute(sql.SQL("drop role {}").format(name))


@pytest.mark.parametrize("more", ["", IGNORED], ids=["options refused", "options ignored"])
async def test_in_session_mode_the_settings_are_pinned(pooled: Pooled, role: str, more: str) -> None:
    async with opened(pooled("session", role=role, more=more), DatabaseConfig()) as pool:
        async with pool.engine.connect() as connection:
            found = {name: await connection.scalar(sa.text(f"show {name}")) for name in PINNED}
        assert pool.check.is_pooled
    assert found == PINNED


async def test_in_transaction_mode_other_settings_of_the_role_are_refused_in_a_sentence(
    pooled: Pooled, role: str
) -> None:
    async with opened(pooled("transaction", role=role), DatabaseConfig(prepare=False)) as pool:
        with pytest.raises(WrongSettings, match=r"bytea_output = 'hex' \(now escape\)") as raised:
            async with pool.connect():
                pass
    assert "alter role" in diagnosis_of(raised.value).sentence


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_migrations_pass_through_a_pooler(pooled: Pooled, mode: str) -> None:
    async with opened(pooled(mode), DatabaseConfig(prepare=mode == "session")) as pool:
        await migrating.downgrade(pool.engine, "base")
        assert await migrating.upgrade(pool.engine) == (None, max(await _revisions(pool.engine)))


async def _revisions(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list(await connection.scalars(sa.text("select version_num from alembic_version")))


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_the_gateway_works_through_a_pooler_and_names_it(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, pooled: Pooled, mode: str
) -> None:
    devices = await car_park(10)
    url = pooled(mode)
    daemon.configure(DATABASE__URL=url, DATABASE__PREPARE=str(mode == "session"))
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=300))
    await settled(engine, broker, url, uplinks=300)
    assert await has_logged(daemon, "A pooler is between the gateway and PostgreSQL")
    assert daemon.terminate() == 0
    assert "Traceback" not in daemon.log.read_text()
    assert not daemon.log_lines("The database does not answer; trying again")


async def test_with_prepared_statements_in_transaction_mode_the_log_names_the_setting(
    daemon: Daemon, broker: Broker, car_park: CarPark, pooled: Pooled
) -> None:
    devices = await car_park(10)
    daemon.configure(DATABASE__URL=pooled("transaction"))
    daemon.start()
    await publish(broker, traffic(devices, uplinks=300))
    await until(partial(has_logged, daemon, "set database.prepare = false"), "the setting in the log")
