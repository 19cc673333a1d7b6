"""The schema's version: which one a database has, which one this program needs, and the way from one to the other."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import migrations

Step = Callable[[AlembicConfig, str], None]

_SCRIPTS: Final = str(Path(migrations.__file__).parent)
_ONE_AT_A_TIME: Final = 0x7061726B  # "park": an advisory lock, so that two gateways that start together take turns


class SchemaMismatch(Exception):  # noqa: N818 - it is no failure of ours, but what we found
    """The database has another schema than this version of the program. The message says how to migrate."""


async def upgrade(engine: AsyncEngine, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the schema to this program's `revision`, the newest. Returns the revisions before and after."""
    return await _run(engine, command.upgrade, revision)


async def downgrade(engine: AsyncEngine, revision: str) -> tuple[str | None, str | None]:
    """Take the schema back to an earlier `revision` (`base`: nothing is left). Returns the revisions before, after."""
    return await _run(engine, command.downgrade, revision)


async def require_current(connection: AsyncConnection) -> None:
    """Raise SchemaMismatch unless the database has exactly the schema of this program."""
    found = await connection.run_sync(_revision_of)
    needed = newest()
    if found == needed:
        return
    if found is None:
        raise SchemaMismatch("The database has no schema yet. Run: parking-gateway migrate (or start with --migrate).")
    if found in _known():
        raise SchemaMismatch(
            f"The database has schema {found}, this version needs {needed}. Run: parking-gateway migrate"
            " (or start with --migrate)."
        )
    raise SchemaMismatch(
        f"The database has schema {found}, which this version does not know: it was migrated by a newer"
        " parking-gateway. Install that version again."
    )


def newest() -> str:
    """The revision that this program needs."""
    return str(_scripts().get_current_head())


def _known() -> set[str]:
    return {script.revision for script in _scripts().walk_revisions()}


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(_SCRIPTS)


def _revision_of(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _run(engine: AsyncEngine, step: Step, revision: str) -> tuple[str | None, str | None]:
    async with engine.begin() as connection:
        await connection.execute(sa.text("set local statement_timeout = 0"))
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ONE_AT_A_TIME)))
        before = await connection.run_sync(_revision_of)
        await connection.run_sync(_take, step, revision)
        return before, await connection.run_sync(_revision_of)


def _take(connection: sa.Connection, step: Step, revision: str) -> None:
    config = AlembicConfig(attributes={"connection": connection})
    config.set_main_option("script_location", _SCRIPTS.replace("%", "%%"))
    step(config, revision)
