"""The command of `make year`."""

import importlib.util
import sys
import time
from typing import Annotated

import pytest
import typer

from tests.year import page
from tests.year.play import Options, Wrong, played


def year(  # noqa: PLR0913 - the options of a command
    *,
    spaces: Annotated[int, typer.Option(min=100, help="spaces of the city")] = 100_000,
    days: Annotated[int, typer.Option(min=2, help="simulated days")] = 365,
    hours: Annotated[
        float, typer.Option(min=0.01, help="the most hours of real time; then it ends with the day")
    ] = 1.0,
    cars: Annotated[float, typer.Option(min=0.001, help="cars for each space and day")] = 0.05,
    heartbeat: Annotated[
        float,
        # Every seven days the gateway is started again. Its last sign of life is six hours old then, so silence counts from there.
        typer.Option(
            min=1, max=90, help="hours without a car after which a sensor speaks; it is lost after 1.75 times as long"
        ),
    ] = 72,
    seed: Annotated[int, typer.Option(help="of everything that is random")] = 1,
    write: Annotated[bool, typer.Option("--write", help="write docs/explanation/year.md and its plots")] = False,
) -> None:
    """Play a year of a city, faster than time, and compare everything. Exit status 1: something is wrong."""
    if write and importlib.util.find_spec("matplotlib") is None:
        raise typer.BadParameter("no plots without matplotlib: make year brings it")
    began = time.monotonic()
    options = Options(
        spaces=spaces, days=days, most_seconds=hours * 3600, cars_per_day=cars, heartbeat_hours=heartbeat, seed=seed
    )
    try:
        result = played(options, command=f'make year ARGS="{" ".join(sys.argv[1:])}"', say=typer.echo)
    except (Wrong, pytest.skip.Exception) as reason:
        typer.echo(str(reason), err=True)
        raise typer.Exit(1) from None
    typer.echo(page.text(result))
    typer.echo(f"{(time.monotonic() - began) / 60:.1f} minutes in all")
    if write:
        page.write(result)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(year)
    app()
