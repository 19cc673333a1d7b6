"""The pool of connections to PostgreSQL: bounded, named, and with a limit on every wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import msgspec
import psycopg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from parking_gateway.config import database_url
from parking_gateway.config.sections import DatabaseConfig

Engine = AsyncEngine
"""The pool, as those who only hand it on know it."""
Connection = AsyncConnection

DriverError = sa.exc.DBAPIError | psycopg.Error
"""An error of the driver's, as it is and as SQLAlchemy wraps it."""
UNAVAILABLE: Final = (
    sa.exc.OperationalError,
    sa.exc.InterfaceError,
    sa.exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    TimeoutError,
    OSError,
)
"""What a database that is away, busy or restarting looks like, but for what `is_refusal` knows. Others are bugs."""

_REFUSALS: Final = frozenset({"22", "23", "54"})
"""Classes of SQLSTATE: data exception, integrity constraint violation, program limit exceeded."""


def engine_for(url: str, config: DatabaseConfig) -> AsyncEngine:
    """A pool for `url` (`postgresql://…`). Connects when first used."""
    session = {
        "statement_timeout": _milliseconds(config.statement_timeout),
        "lock_timeout": _milliseconds(config.lock_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(config.statement_timeout),
        "timezone": "UTC",
        # All that varies from one time to the next is how many rows an array has. Without this, PostgreSQL plans most
        # statements anew every time, which takes longer than to carry them out.
        "plan_cache_mode": "force_generic_plan",
    }
    given = database_url.parameters(url)
    options = " ".join([given.get("options", ""), *(f"-c {name}={value}" for name, value in session.items())])
    return create_async_engine(
        "postgresql+psycopg://",  # the driver is given what libpq reads in the URL: SQLAlchemy reads less of it
        poolclass=AsyncAdaptedQueuePool,
        pool_size=config.pool_size,
        max_overflow=0,
        json_deserializer=msgspec.json.decode,
        pool_timeout=config.pool_timeout.total_seconds(),
        connect_args={
            "application_name": config.application_name,
            "connect_timeout": max(2, round(config.connect_timeout.total_seconds())),
            "tcp_user_timeout": _milliseconds(config.statement_timeout),
            **given,
            "options": options.strip(),
            # `pipeline` prepares; the driver would deallocate everybody's statements with its own.
            "prepare_threshold": None,
        },
    )


@asynccontextmanager
async def opened(url: str, config: DatabaseConfig) -> AsyncIterator[AsyncEngine]:
    """A pool that is closed at the end."""
    engine = engine_for(url, config)
    try:
        yield engine
    finally:
        await engine.dispose()


class Refused(Exception):  # noqa: N818 - PostgreSQL's answer, not a failure of ours
    """PostgreSQL refuses what a statement holds. The message is its own."""


def is_refusal(error: DriverError) -> bool:
    """Whether PostgreSQL understood the statement and refuses what it holds: no other attempt will change its mind."""
    state = getattr(_driver_s(error), "sqlstate", None) or ""
    return state[:2] in _REFUSALS


def refusal_of(error: DriverError) -> str:
    """What PostgreSQL itself said, without the statement and its arguments."""
    cause = _driver_s(error)
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        return cause.diag.message_primary
    return str(cause)


def _driver_s(error: DriverError) -> BaseException | None:
    return error.orig if isinstance(error, sa.exc.DBAPIError) else error


def _milliseconds(wait: timedelta) -> int:
    return round(wait.total_seconds() * 1000)
