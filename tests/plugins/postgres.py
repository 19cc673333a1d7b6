"""A real PostgreSQL for every test that asks: one server per worker, one fresh database per test, copied from a template."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import psycopg
import pytest
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from parking_gateway.store import embedded, schema

_numbers = count()


def _engine(url: str) -> AsyncEngine:
    return create_async_engine(url.replace("postgresql://", "postgresql+psycopg://"), poolclass=NullPool)


def _execute(url: str, statement: str, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _url_of(server: str, database: str) -> str:
    return server.replace("/postgres?", f"/{database}?")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of this worker's server, with a migrated database `template` on it."""
    folder = tmp_path_factory.mktemp("state")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # PostgreSQL runs as a user of its own when the tests run as root
    with embedded.running(folder) as url:
        _execute(url, "create database template")
        asyncio.run(schema.upgrade(_engine(_url_of(url, "template"))))
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
