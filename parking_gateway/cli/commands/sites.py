"""Commands about sites: their list, settings and names."""

from typing import Annotated

import typer

from parking_gateway.cli.commands import changed
from parking_gateway.cli.commands.changed import DryRun, NewName, SettingsArgument, WithSpaces
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import query_once
from parking_gateway.cli.shown import show_json, show_table

app = typer.Typer(name="sites", help="List, set, rename and remove sites.", no_args_is_help=True)

SiteArgument = Annotated[str, typer.Argument(metavar="SITE", help="An existing site.", show_default=False)]


@app.command("list")
def list_(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """List every site with its settings.

    For example:

        parking-gateway sites list
    """
    from parking_gateway.register.settings import SETTINGS  # noqa: PLC0415 - heavy
    from parking_gateway.store import settings  # noqa: PLC0415 - as above

    rows = query_once(configured(config), settings.listed(list(SETTINGS["sites"]), of_sites=True))
    if as_json:
        show_json(rows)
        return
    columns = ["site", "spaces", *SETTINGS["sites"]]
    show_table(columns, [[changed.shown(row[column]) for column in columns] for row in rows])


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
