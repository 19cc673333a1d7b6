"""Commands about spaces: import, export, show, list, acknowledge, rename and remove."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from parking_gateway.cli.asked import PLACE, ask, place_of
from parking_gateway.cli.commands import changed
from parking_gateway.cli.commands.changed import NewName
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import bytes_of, decoder, fail, query_once, transact
from parking_gateway.cli.progress import progress
from parking_gateway.cli.shown import percent, show_errors, show_json, show_line, show_outcome, show_table
from parking_gateway.core.wording import counted

if TYPE_CHECKING:
    from parking_gateway.register.entries import Mistake
    from parking_gateway.register.registering import Entered
    from parking_gateway.store.car_park import ListedSpace
    from parking_gateway.store.database import Connection

app = typer.Typer(name="spaces", help="Import, export, show, list, rename and remove spaces.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the outcome and change nothing.")]
Prune = Annotated[bool, typer.Option("--prune", help="Remove spaces that the file does not name.")]
ImportedFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="TOML if its name ends in .toml, else CSV.", show_default=False)
]
ExportedFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="Standard output, if left out.", show_default=False)
]
SpaceArgument = Annotated[str, typer.Argument(metavar="SITE/ZONE/SPACE", help="An existing space.", show_default=False)]


@app.command("import")
def import_(
    file: ImportedFile,
    *,
    config: ConfigFile = None,
    prune: Prune = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import spaces and their devices from a file.

    Where one line is wrong, nothing is imported, and every mistake is shown with its line. Unchanged entries stay
    unchanged, so a file can be imported again. Spaces that the file does not name stay, unless they are pruned.

    For example:

        parking-gateway spaces import spaces.csv --dry-run
    """
    from parking_gateway.register import files  # noqa: PLC0415 - heavy
    from parking_gateway.register.registering import Entered, enter  # noqa: PLC0415 - as above

    effective = configured(config)
    reader = decoder(effective)
    sheet = files.read(file.name, bytes_of(file), decoder=reader)
    if sheet.mistakes:
        _refuse(file, sheet.mistakes, as_json=as_json)

    async def work(connection: "Connection") -> "Entered | list[Mistake]":
        with progress(f"Importing {counted(len(sheet.entries), 'space')}"):
            made = await enter(connection, sheet, decoder=reader, now=datetime.now(UTC), prune=prune)
        if dry_run:
            await connection.rollback()
        return made

    made = transact(effective, work)
    if not isinstance(made, Entered):
        _refuse(file, made, as_json=as_json)
    show_outcome(made.outcome, is_kept=not dry_run, as_json=as_json)


@app.command("export")
def export(file: ExportedFile = None, *, config: ConfigFile = None) -> None:
    """Export the spaces and their devices.

    The file is TOML if its name ends in .toml, else CSV. `spaces import` reads the file. Only TOML has counters, and the settings
    of sites and zones.

    For example:

        parking-gateway spaces export spaces.csv
    """
    from parking_gateway.register import files  # noqa: PLC0415 - heavy
    from parking_gateway.register.counters import registered_counters  # noqa: PLC0415 - as above
    from parking_gateway.register.present import registered, registered_settings  # noqa: PLC0415 - as above

    async def work(connection: "Connection") -> str:
        entries, settings = await registered(connection), await registered_settings(connection)
        counters = await registered_counters(connection)
        return files.text_of(file.name if file else "", entries, settings, counters)

    text = transact(configured(config), work)
    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}.")


@app.command("show")
def show(space: SpaceArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show the state of a space.

    For example:

        parking-gateway spaces show central/level-1/A-012
    """
    if space.count("/") != len(PLACE) - 1:
        fail(f"{space!r} names no space: write SITE/ZONE/SPACE.")
    message = msgspec.to_builtins(ask(configured(config), "space/get", place_of(space)).data, builtin_types=(datetime,))
    if as_json:
        show_json(message)
        return
    show_table(("field", "value"), list(message.items()))


@app.command("acknowledge")
def acknowledge(space: SpaceArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Acknowledge that a parked car stays for too long.

    The space is not flagged again until the car has left.

    For example:

        parking-gateway spaces acknowledge central/level-1/A-012
    """
    data = ask(configured(config), "space/acknowledge", changed.place_with(space, len(PLACE))).data
    if as_json:
        show_json(data)
        return
    show_line(f"Acknowledged: the car on {space}.")


@app.command("rename")
def rename(space: SpaceArgument, new: NewName, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Rename a space. The new name can be SITE/ZONE/SPACE of another zone of its site.

    The history keeps the name that it had. The retained topic with the old name is cleared.

    For example:

        parking-gateway spaces rename central/level-1/A-012 A-013
    """
    changed.rename(space, new, len(PLACE), config=config, as_json=as_json)


@app.command("remove")
def remove(
    space: SpaceArgument, *, dry_run: DryRun = False, config: ConfigFile = None, as_json: AsJson = False
) -> None:
    """Remove a space.

    Its history stays. Its sensors become unassigned, and its retained topic is cleared.

    For example:

        parking-gateway spaces remove central/level-1/A-012
    """
    changed.remove(space, len(PLACE), config=config, dry_run=dry_run, as_json=as_json)


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List every space with its state and its device.

    For example:

        parking-gateway spaces list
    """
    from parking_gateway.store import car_park  # noqa: PLC0415 - as above

    spaces = query_once(configured(config), car_park.listed())
    if as_json:
        show_json(spaces)
        return
    show_table(_COLUMNS, [_row(one) for one in spaces])


_COLUMNS = ("site", "zone", "space", "state", "since (UTC)", "occupancy", "contact", "battery", "device")


def _row(one: "ListedSpace") -> tuple[object, ...]:
    battery = percent(one.battery_percent)
    return one.site, one.zone, one.space, one.state, one.since, one.occupancy, one.contact, battery, one.dev_eui


def _refuse(file: Path, mistakes: Sequence["Mistake"], *, as_json: bool) -> NoReturn:
    if as_json:
        show_json({"mistakes": mistakes})
        raise typer.Exit(1)
    show_errors([f"{file}: {mistake}" for mistake in mistakes])
    fail(f"Nothing of {file} was imported.")
