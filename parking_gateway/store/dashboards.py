"""The role with which dashboards read: what the public contract names, and nothing else."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import dialect

from parking_gateway.store.database import Connection

READABLE: Final = ("uplink", "site", "zone", "space", "transition", "rejection", "space_state")
"""Whoever may read a partitioned table reads its partitions through it, those of later months too."""

_DIALECT: Final = dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's
_EXISTS: Final = sa.text("select exists (select from pg_roles where rolname = :name)")
_SCHEMA: Final = sa.text("select quote_ident(current_schema())")


async def grant(connection: Connection, name: str) -> bool:
    """Let the role read. Returns whether it had to be created. `name` is letters, digits, `_` and `-`."""
    role = _DIALECT.identifier_preparer.quote_identifier(name)
    is_new = not await connection.scalar(_EXISTS, {"name": name})
    if is_new:
        await connection.execute(sa.text(f"create role {role} nologin"))
    # Everybody may use the schema `public`; another one has to be opened.
    schema = await connection.scalar(_SCHEMA)
    await connection.execute(sa.text(f"grant usage on schema {schema} to {role}"))
    await connection.execute(sa.text(f"grant select on {', '.join(READABLE)} to {role}"))
    return is_new
