"""The role with which dashboards read. It may read the tables of the public contract, and nothing else."""

from typing import Final

import sqlalchemy as sa

from parking_gateway.store.query import Query, Statement, command

READABLE: Final = (
    "uplink",
    "codec",
    "site",
    "zone",
    "space",
    "transition",
    "rejection",
    "notice",
    "space_state",
    "space_name",
    "space_now",
    "zone_now",
    "sensor",
    "step",
    "stay",
    "occupancy_hourly",
)
"""The right on a partitioned table covers its partitions, also those of later months."""

_EXISTS: Final = Statement(
    sa.text("select exists (select from pg_roles where rolname = :name)").bindparams(
        sa.bindparam("name", type_=sa.Text)
    )
)


def exists(name: str) -> Query[bool]:
    """Whether there is such a role."""
    return Query(statement=_EXISTS, arguments={"name": name}, read=lambda rows: rows[0][0])


def create(name: str) -> Query[None]:
    """Create the role. `name` is letters, digits, `_` and `-`."""
    return command(Statement(sa.text(f'create role "{name}" nologin')))


def grant(name: str) -> list[Query[None]]:
    """Let the role read. `name` as above."""
    # Every role may use the schema `public`. Any other schema has to be granted.
    schema = f"""do $$ begin execute format('grant usage on schema %I to "{name}"', current_schema()); end $$"""
    tables = f'grant select on {", ".join(READABLE)} to "{name}"'
    return [command(Statement(sa.text(one))) for one in (schema, tables)]
