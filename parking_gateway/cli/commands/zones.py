"""Commands about zones: their list, settings and names."""

from typing import Annotated

import typer

from parking_gateway.cli.commands import changed, counters, plan
from parking_gateway.cli.commands.changed import DryRun, NewName, SettingsArgument, WithSpaces
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile

app = typer.Typer(name="zones", help="List, set, rename and remove zones.", no_args_is_help=True)

app.add_typer(counters.app)
app.command("set-count")(counters.set_count)
app.command("plan")(plan.plan)

ZoneArgument = Annotated[str, typer.Argument(metavar="SITE/ZONE", help="An existing zone.", show_default=False)]


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List every zone with its settings.

    For example:

        parking-gateway zones list
    """
    changed.list_("zones", 2, config=config, as_json=as_json)


@app.command("set")
def set_(zone: ZoneArgument, settings: SettingsArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Change settings of a zone.

    For example:

        parking-gateway zones set central/level-1 max_stay=14400
    """
    changed.set_(zone, 2, settings, config=config, as_json=as_json)


@app.command("rename")
def rename(zone: ZoneArgument, new: NewName, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Rename a zone.

    The history keeps the names that it had. The retained topics with the old name are cleared.

    For example:

        parking-gateway zones rename central/level-1 ground-floor
    """
    changed.rename(zone, new, 2, config=config, as_json=as_json)


@app.command("remove")
def remove(
    zone: ZoneArgument,
    *,
    with_spaces: WithSpaces = False,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove a zone.

    The history of its spaces stays. Their sensors become unassigned, and retained topics are cleared.

    For example:

        parking-gateway zones remove central/level-1 --with-spaces --dry-run
    """
    changed.remove(zone, 2, config=config, dry_run=dry_run, as_json=as_json, with_spaces=with_spaces)
