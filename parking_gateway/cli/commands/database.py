"""Commands about the database: its schema and its retained publications."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from parking_gateway.cli.commands.configuration import ConfigFile, configured
from parking_gateway.cli.opened import fail, transact, with_database

if TYPE_CHECKING:
    from parking_gateway.store.database import Connection
    from parking_gateway.store.pool import Pool

Revision = Annotated[str, typer.Option("--revision", metavar="R", help="Migrate up to this revision only.")]
DownTo = Annotated[
    str,
    typer.Option("--down-to", metavar="R", help="Go back to this revision. Data of later ones is lost."),
]
ReadingRole = Annotated[
    str, typer.Option("--reading-role", metavar="NAME", help="A role for dashboards, which may read the public tables.")
]


def migrate(
    *, config: ConfigFile = None, revision: Revision = "head", down_to: DownTo = "", reading_role: ReadingRole = ""
) -> None:
    """Bring the database to the schema of this version.

    It also makes the partitions of the coming months. With --reading-role it grants a role the right to read the tables of
    the public contract. It creates a missing role without login: grant that role to users who can log in.

    For example:

        parking-gateway migrate --reading-role dashboards
    """
    from alembic.util import CommandError  # noqa: PLC0415 - heavy

    from parking_gateway.clock.partitions import make_missing  # noqa: PLC0415 - as above
    from parking_gateway.store import dashboards, migrating, schema  # noqa: PLC0415 - as above

    if reading_role and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,62}", reading_role):
        fail(
            f"{reading_role!r} cannot be a role: write 1 to 63 letters, digits, _ and -, and begin with a letter or _."
        )
    if down_to and (reading_role or revision != "head"):
        fail("--down-to goes back and cannot be combined: leave out --revision and --reading-role.")

    async def work(pool: "Pool") -> None:
        before, after = await (
            migrating.downgrade(pool.engine, down_to) if down_to else migrating.upgrade(pool.engine, revision)
        )
        typer.echo(f"Schema: {before or 'none'} -> {after or 'none'}.")
        if after != schema.newest():
            return
        for name in await make_missing(pool, now=datetime.now(UTC)):
            typer.echo(f"Partition: {name} made.")
        if reading_role:
            async with pool.connect() as connection:
                (exists,) = await connection.together(dashboards.exists(reading_role))
                new = [] if exists else [dashboards.create(reading_role)]
                await connection.commit_together(*new, *dashboards.grant(reading_role))
            typer.echo(f"Role: {reading_role} {'found' if exists else 'made'}; it may read.")

    try:
        with_database(configured(config), work)
    except CommandError as error:
        fail(
            f"The schema cannot be migrated: {error}. The revisions are base, {', '.join(sorted(schema.revisions()))}."
        )


def republish(*, config: ConfigFile = None) -> None:
    """Publish all retained messages again.

    It marks them as not published yet. A running gateway publishes them within seconds.

    For example:

        parking-gateway republish
    """
    from parking_gateway.store import confirmations, due  # noqa: PLC0415 - as above

    async def work(connection: "Connection") -> int:
        number: int
        *_, number = await connection.together(*confirmations.all_again(), due.count())
        return number

    typer.echo(f"Due for publication: {transact(configured(config), work)}.")
