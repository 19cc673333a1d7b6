"""Commands that take places out of service and back."""

from typing import Annotated, Any

import typer

from parking_gateway.cli.asked import PLACE, ask, place_of
from parking_gateway.cli.commands.choices import moment_ahead
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.shown import show_json, show_line
from parking_gateway.core.wording import counted

app = typer.Typer(name="maintenance", help="Take spaces out of service, and back.", no_args_is_help=True)

PlaceArgument = Annotated[
    str, typer.Argument(metavar="PLACE", help="SITE, SITE/ZONE or SITE/ZONE/SPACE.", show_default=False)
]
ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Published with the state.", show_default=False)
]
UntilOption = Annotated[
    str,
    typer.Option(
        "--until", metavar="TIME", help="The planned end, as 2026-03-01T08:00Z or 3h from now.", show_default=False
    ),
]


@app.command("on")
def on(
    place: PlaceArgument,
    *,
    reason: ReasonOption = None,
    until: UntilOption = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a space, a zone or a site out of service.

    The uplinks of its sensors are recorded, and take effect when maintenance ends.

    For example:

        parking-gateway maintenance on central/level-1 --reason "wet paint" --until 3h
    """
    end = moment_ahead(until)
    order = {"on": True, "reason": reason, "until": None if end is None else end.isoformat()}
    _order(place, order, config=config, as_json=as_json)


@app.command("off")
def off(place: PlaceArgument, *, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Take a space, a zone or a site back into service.

    For example:

        parking-gateway maintenance off central/level-1/A-012
    """
    _order(place, {"on": False}, config=config, as_json=as_json)


def _order(place: str, order: dict[str, Any], *, config: ConfigFile, as_json: bool) -> None:
    named = place_of(place)
    verb = f"{PLACE[len(named) - 1]}/maintenance"
    data = ask(configured(config), verb, named | order).data
    if as_json:
        show_json(data)
        return
    show_line(f"{counted(data['changed'], 'space')} of {data['spaces']:,} changed.")
