"""A role and a database of its own for a region: what an administrator of the server makes once.

A database cannot be made within a transaction, and a statement of this kind takes no parameters. So these statements have names and
verifiers as text, quoted by the driver, and `psql` can execute the same ones.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from psycopg import sql

from parking_gateway.store.connecting import OurConnection
from parking_gateway.store.pool import Pool

_ROLE: Final = "select from pg_roles where rolname = {}"
_DATABASE: Final = "select from pg_database where datname = {}"
_OWNED: Final = "select from pg_database where datname = {} and pg_get_userbyid(datdba) = {}"


class OwnDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """A database, and the role that owns it."""

    name: str
    role: str
    verifier: str | None
    """What PostgreSQL keeps of the role's password. None: the role has none, because the server trusts it in another way."""


class NotOurs(Exception):  # noqa: N818 - it is a finding
    """The server has a role or a database of this name, which belongs to others."""


def script(own: OwnDatabase) -> str:
    """The statements for `psql`. It can run twice."""
    missing = "select {} where not exists ({})"
    make = {
        _with("create role {}", sql.Identifier(own.role)): _with(_ROLE, sql.Literal(own.role)),
        _create(own): _with(_DATABASE, sql.Literal(own.name)),
    }
    made = [_with(missing, sql.Literal(statement), sql.SQL(found)) for statement, found in make.items()]
    return "\n".join([*(f"{one}\\gexec" for one in made), *(f"{one};" for one in _settle(own))])


async def require_new(pool: Pool, own: OwnDatabase) -> None:
    """Raise NotOurs if the server has the role or the database already."""
    async with pool.connect_aside() as connection:
        if await _finds(connection, _ROLE, own.role):
            raise NotOurs(f"the server has the role {own.role} already")
        if await _finds(connection, _DATABASE, own.name):
            raise NotOurs(f"the server has the database {own.name} already")


async def make(pool: Pool, own: OwnDatabase) -> bool:
    """Make the role and its database where they are missing, and set the role's password. Returns whether one was made.

    Raises NotOurs if the database has another owner.
    """
    async with pool.connect_aside() as connection:
        has_role = await _finds(connection, _ROLE, own.role)
        has_database = await _finds(connection, _DATABASE, own.name)
        if has_database and not await _finds(connection, _OWNED, own.name, own.role):
            raise NotOurs(f"the database {own.name} has another owner than {own.role}")
        if not has_role:
            await connection.execute(_with("create role {}", sql.Identifier(own.role)).encode())
        if not has_database:
            await connection.execute(_create(own).encode())
        for statement in _settle(own):
            await connection.execute(statement.encode())
    return not (has_role and has_database)


async def _finds(connection: OurConnection, question: str, *values: str) -> bool:
    cursor = await connection.execute(_with(question, *map(sql.Literal, values)).encode())
    return await cursor.fetchone() is not None


def _create(own: OwnDatabase) -> str:
    return _with(
        "create database {} owner {} encoding 'UTF8' locale 'C.UTF-8' template template0",
        sql.Identifier(own.name),
        sql.Identifier(own.role),
    )


def _settle(own: OwnDatabase) -> Iterator[str]:
    role = sql.Identifier(own.role)
    if own.verifier is None:
        yield _with("alter role {} login", role)
    else:
        yield _with("alter role {} login password {}", role, sql.Literal(own.verifier))
    # By default every role may connect to every database, so a gateway with a wrong URL could write to another region.
    yield _with("revoke connect on database {} from public", sql.Identifier(own.name))


def _with(text: str, *parts: sql.Composable) -> str:
    return sql.SQL(text).format(*parts).as_string(None)
