"""The schema's version: which one a database has, and which one this program needs. `migrating` leads from one to another.

Alembic is not needed to compare two numbers, and takes 10 MB of a daemon's memory: a revision is called as its file begins.
"""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from parking_gateway.store.database import Connection
from parking_gateway.store.query import NOTHING, Query, Statement

_PACKAGE: Final = Path(__file__).parents[1]
SCRIPTS: Final = next(folder for folder in (_PACKAGE / "migrations", _PACKAGE.parent / "migrations") if folder.is_dir())
"""The migrations: within the package where it was installed from a wheel, beside it in a checkout."""
_VERSION: Final = sa.table("alembic_version", sa.column("version_num", sa.Text))
_EXISTS: Final = Statement(sa.select(sa.cast(sa.func.to_regclass(_VERSION.name), sa.Text)))
_FOUND: Final = Statement(sa.select(_VERSION.c.version_num))


class SchemaMismatch(Exception):  # noqa: N818 - it is a finding
    """The database has another schema than this version of the program. The message contains the command to migrate."""


async def require_current(connection: Connection) -> None:
    """Raise SchemaMismatch unless the database has exactly the schema of this program."""
    found = await revision_of(connection)
    needed = newest()
    if found == needed:
        return
    if found is None:
        raise SchemaMismatch("The database has no schema yet. Run: parking-gateway migrate (or start with --migrate).")
    if found in revisions():
        raise SchemaMismatch(
            f"The database has schema {found}, this version needs {needed}. Run: parking-gateway migrate"
            " (or start with --migrate)."
        )
    raise SchemaMismatch(
        f"The database has schema {found}, which this version does not know: it was migrated by a newer"
        " parking-gateway. Install that version again."
    )


def newest() -> str:
    """The revision of this program."""
    return max(revisions())


def revisions() -> set[str]:
    """All revisions of this program."""
    return {script.name.partition("_")[0] for script in SCRIPTS.glob("versions/[0-9]*.py")}


async def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None if it has no schema."""
    (exists,) = await connection.together(_ask(_EXISTS))
    if exists is None:
        return None
    (found,) = await connection.together(_ask(_FOUND))
    return found


def _ask(statement: Statement) -> Query[str | None]:
    return Query(statement=statement, arguments=NOTHING, read=lambda rows: rows[0][0] if rows else None)
