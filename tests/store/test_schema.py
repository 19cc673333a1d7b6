"""Migrations: they make the tables, they go both ways, and a wrong schema is refused with the command to migrate."""

from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.store import migrating, schema
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.tables import metadata
from tests.plugins.postgres import engine_of


def _is_ours(name: str | None, kind: str, _: object) -> bool:
    """Not a partition, and not a table of Alembic."""
    parents = ("uplink", "transition", "rejection", "device_event", "past_reading", "past_stay", "request", "alembic")
    return kind != "table" or not str(name).startswith(tuple(f"{one}_" for one in parents))


def _is_comment(difference: Any) -> bool:
    """Comments are in the migrations only, for people who read the database."""
    changes = difference if isinstance(difference, list) else [difference]
    return all(change[0] in ("modify_comment", "add_table_comment", "remove_table_comment") for change in changes)


async def test_the_migrated_schema_equals_the_tables(engine: AsyncEngine) -> None:
    def difference(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "include_name": _is_ours}
        )
        return [one for one in compare_metadata(context, metadata) if not _is_comment(one)]

    async with engine.connect() as connection:
        assert await connection.run_sync(difference) == []


async def test_dev_euis_are_compared_byte_by_byte(engine: AsyncEngine) -> None:
    """Alembic does not compare collations."""
    others = """
        select relname from pg_attribute join pg_class on pg_class.oid = attrelid
        where attname = 'dev_eui' and relkind in ('r', 'p') and attcollation <> '"C"'::regcollation
    """
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text(others))).all() == []


async def test_every_constraint_of_the_tables_is_in_the_database(engine: AsyncEngine) -> None:
    """Alembic does not compare CHECK constraints, and the legal steps are one."""
    async with engine.connect() as connection:
        names = set(
            await connection.scalars(
                sa.text("select conname from pg_constraint where contype in ('c', 'p', 'u', 'f', 'x')")
            )
        )
    ours = {constraint.name for table in metadata.tables.values() for constraint in table.constraints}
    assert ours <= names


@pytest.mark.parametrize(("before", "after"), [("OCCUPIED", "RESERVED"), ("MAINTENANCE", "OCCUPIED"), ("FREE", "FREE")])
async def test_the_database_refuses_an_illegal_step(engine: AsyncEngine, before: str, after: str) -> None:
    async with engine.begin() as connection:
        for statement in (
            "insert into site (name) values ('s')",
            "insert into zone (site_id, name) select id, 'z' from site",
            "insert into space (zone_id, name) select id, '1' from zone",
        ):
            await connection.execute(sa.text(statement))
    step = 'insert into transition (space, "from", "to", at, cause) select id, :before, :after, now(), \'\' from space'
    async with engine.connect() as connection:
        with pytest.raises(sa.exc.IntegrityError, match="transition_legal"):
            await connection.execute(sa.text(step), {"before": before, "after": after})


def test_a_revision_is_called_as_its_file_begins() -> None:
    scripts = ScriptDirectory(str(schema.SCRIPTS))
    assert schema.revisions() == {script.revision for script in scripts.walk_revisions()}
    assert schema.newest() == scripts.get_current_head()


async def test_migrations_go_down_and_up_again(empty_database: str) -> None:
    engine = engine_of(empty_database)
    assert await migrating.upgrade(engine) == (None, schema.newest())
    assert await migrating.upgrade(engine) == (schema.newest(), schema.newest())
    assert await migrating.downgrade(engine, "base") == (schema.newest(), None)
    async with engine.connect() as connection:
        left = await connection.scalars(
            sa.text("select relname from pg_class where relnamespace = 'public'::regnamespace")
        )
        assert set(left) == {"alembic_version", "alembic_version_pkc"}
        with pytest.raises(schema.SchemaMismatch, match=r"no schema yet\. Run: parking-gateway migrate"):
            await schema.require_current(PipelinedConnection(connection))


async def test_a_schema_of_another_version_is_refused(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await schema.require_current(PipelinedConnection(connection))
        await connection.execute(sa.text("update alembic_version set version_num = '9999'"))
        with pytest.raises(schema.SchemaMismatch, match=r"9999.*newer"):
            await schema.require_current(PipelinedConnection(connection))
