"""The command that gives a zone its floor plan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from parking_gateway.cli.commands.changed import place_with
from parking_gateway.cli.commands.configuration import AsJson, ConfigFile, configured
from parking_gateway.cli.opened import bytes_of, fail, transact
from parking_gateway.cli.shown import show_json, show_line

if TYPE_CHECKING:
    from parking_gateway.register.plans import Drawn
    from parking_gateway.store.database import Connection

_SHOWN = 20


def plan(
    zone: Annotated[str, typer.Argument(metavar="SITE/ZONE", help="An existing zone.", show_default=False)],
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="An SVG, PNG, JPEG or WebP file.", show_default=False)
    ] = None,
    *,
    places: Annotated[
        Path | None,
        typer.Option("--places", help="A CSV file with the columns space, x and y.", show_default=False),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the plan of the zone.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a zone a floor plan for the board.

    Elements of an SVG with the names of spaces (data-space, the label of Inkscape, or id) say where the spaces are. For pictures, and
    for other spaces, a CSV file says it: the middle of a space from the upper left corner, in pixels or in units of the drawing.

    For example:

        parking-gateway zones plan central/level-1 level-1.svg
    """
    place = place_with(zone, 2)
    if (file is None) is not remove or (remove and places is not None):
        fail("Name a file, or --remove alone.")
    content = None if file is None else bytes_of(file)
    csv = None if places is None else bytes_of(places).decode("utf-8-sig", errors="replace")

    async def work(connection: "Connection") -> "Drawn | None":
        from parking_gateway.register import plans  # noqa: PLC0415 - heavy

        if content is None:
            await plans.remove(connection, **place)
            return None
        return await plans.write(connection, **place, content=content, csv=csv)

    from parking_gateway.register.plan_files import Unreadable  # noqa: PLC0415 - heavy
    from parking_gateway.register.plans import NoZone  # noqa: PLC0415 - heavy

    try:
        drawn = transact(configured(config), work)
    except NoZone as error:
        fail(str(error))
    except Unreadable as error:
        fail(f"{zone} keeps its plan: {error}.")
    if as_json:
        show_json(msgspec.to_builtins(drawn))
        return
    if drawn is None:
        show_line(f"{zone} has no plan any more.")
        return
    show_line(f"{zone} has a plan of {drawn.width:g} by {drawn.height:g}, with {len(drawn.placed)} of its spaces.")
    if drawn.unplaced:
        more = len(drawn.unplaced) - _SHOWN
        names = ", ".join(drawn.unplaced[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        show_line(f"Not on the plan: {names}. Name their elements in the drawing, or list them with --places.")
