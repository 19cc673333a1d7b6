"""A real PostgreSQL for every test that asks: one server per worker, one fresh database per test, copied from a template."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from parking_gateway.store import embedded, migrating
from parking_gateway.store.connecting import connect

_numbers = count()


def _engine(url: str) -> AsyncEngine:
    # No pool, because there are tests that cut off everybody; all else is as in the gateway's.
    return create_async_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        poolclass=NullPool,
        connect_args={"prepare_threshold": None, "async_creator_fn": connect, "settings": {}},
    )


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _url_of(server: str, database: str) -> str:
    return server.replace("/postgres?", f"/{database}?")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of this worker's server, with a migrated database `template` on it."""
    # Not in pytest's own folders, which are closed to the user that PostgreSQL runs as when the tests run as root.
    with TemporaryDirectory(prefix="parking-gateway-tests-") as folder:
        Path(folder).chmod(0o755)
        with embedded.running(Path(folder)) as url:
            _execute(url, "create database template")
            asyncio.run(migrating.upgrade(_engine(_url_of(url, "template"))))
            yield url


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    name = f"empty_{next(_numbers)}"
    _execute(postgres, "create database {}", name)
    yield _url_of(postgres, name)
    _execute(postgres, "drop database {} with (force)", name)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The URL of a migrated database of this test's own."""
    name = f"test_{next(_numbers)}"
    _execute(postgres, "create database {} template template", name)
    yield _url_of(postgres, name)
    _execute(postgres, "drop database {} with (force)", name)


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    """A pool for the test's own database."""
    engine = _engine(database)
    yield engine
    await engine.dispose()
