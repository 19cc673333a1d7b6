"""Commands about sites: their list, settings and names."""

from typing import Annotated

import typer

from parking_gateway.cli.commands import changed
from parking_gateway.cli.commands.changed import DryRun, NewName, SettingsArgument, WithSpaces
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile

app = typer.Typer(name="sites", help="List, set, rename and remove sites.", no_args_is_help=True)

SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="An existing site.", show_default=False)]


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List every site with its settings.

    For example:

        parking-gateway sites list
    """
    changed.list_("sites", 1, config=config, as_json=as_json)


@app.command("set")
def set_(site: SiteArgument, settings: SettingsArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Change settings of a site.

    For example:

        parking-gateway sites set central time_zone=Europe/Berlin
    """
    changed.set_(site, 1, settings, config=config, as_json=as_json)


@app.command("rename")
def rename(site: SiteArgument, new: NewName, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Rename a site.

    The history keeps the names that it had. The retained topics with the old name are cleared.

    For example:

        parking-gateway sites rename central main
    """
    changed.rename(site, new, 1, config=config, as_json=as_json)


@app.command("remove")
def remove(
    site: SiteArgument,
    *,
    with_spaces: WithSpaces = False,
    dry_run: DryRun = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Remove a site.

    The history of its spaces stays. Their sensors become unassigned, and retained topics are cleared.

    For example:

        parking-gateway sites remove central --with-spaces --dry-run
    """
    changed.remove(site, 1, config=config, dry_run=dry_run, as_json=as_json, with_spaces=with_spaces)
