"""The way from one version of the schema to another: Alembic's, one process at a time."""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.schema import SCRIPTS, revision_of

Step = Callable[[AlembicConfig, str], None]

_ONE_AT_A_TIME: Final = 0x7061726B  # "park": an advisory lock, so that two gateways that start together take turns


async def upgrade(engine: AsyncEngine, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the schema to this program's `revision`, the newest. Returns the revisions before and after."""
    return await _run(engine, command.upgrade, revision)


async def downgrade(engine: AsyncEngine, revision: str) -> tuple[str | None, str | None]:
    """Take the schema back to an earlier `revision` (`base`: nothing is left). Returns the revisions before, after."""
    return await _run(engine, command.downgrade, revision)


async def _run(engine: AsyncEngine, step: Step, revision: str) -> tuple[str | None, str | None]:
    async with engine.begin() as connection:
        await connection.execute(sa.text("set local statement_timeout = 0"))
        driver: Any = (await connection.get_raw_connection()).driver_connection
        limit, driver.answer_seconds = driver.answer_seconds, None
        try:
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
            before = await revision_of(PipelinedConnection(connection))
            await connection.run_sync(_take, step, revision)
            return before, await revision_of(PipelinedConnection(connection))
        finally:
            driver.answer_seconds = limit


def _take(connection: sa.Connection, step: Step, revision: str) -> None:
    config = AlembicConfig(attributes={"connection": connection})
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    step(config, revision)
