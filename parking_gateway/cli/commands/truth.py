"""The command that enters what people have seen."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import bytes_of, fail, transact
from parking_gateway.cli.shown import show_errors, show_json, show_line

if TYPE_CHECKING:
    from parking_gateway.register.entries import Mistake
    from parking_gateway.register.truths import Kept
    from parking_gateway.store.database import Connection

TruthFile = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the outcome and change nothing.")]
Remove = Annotated[bool, typer.Option("--remove", help="Take back what the file says.")]


def truth(
    file: TruthFile,
    *,
    remove: Remove = False,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Enter what people have seen, to judge sensors by it.

    The file has the columns space (SITE/ZONE/SPACE, or three columns site, zone and space), time and occupied (yes or no, occupied or
    vacant, 1 or 0). A time without an offset is in the time zone of the site. The file can be entered again. If it has mistakes,
    nothing is entered.

    For example:

        parking-gateway truth looked-at-on-monday.csv --dry-run
    """
    from parking_gateway.register import truth_files, truths  # noqa: PLC0415 - heavy

    looks = truth_files.read(bytes_of(file))

    async def work(connection: "Connection") -> "Kept | list[Mistake]":
        kept = await truths.enter(connection, looks, now=datetime.now(UTC), remove=remove)
        if dry_run:
            await connection.rollback()
        return kept

    kept = transact(configured(config), work)
    if isinstance(kept, list):
        if as_json:
            show_json({"mistakes": kept})
            raise typer.Exit(1)
        show_errors([f"{file}: {mistake}" for mistake in kept])
        fail(f"Nothing of {file} was entered.")
    found = msgspec.to_builtins(kept)
    if as_json:
        show_json({"dry_run": dry_run} | found)
        return
    words = ("removed", "unchanged") if remove else ("created", "changed", "unchanged")
    show_line(f"Truths: {', '.join(f'{found[word]:,} {word}' for word in words)}.")
    if dry_run:
        show_line("This was a dry run: nothing was changed.")
