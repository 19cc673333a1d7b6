"""The command of `make proof-brokers`: every trial on every engine, and the table of docs/brokers.md."""

import multiprocessing
import platform
import re
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from tests.brokers.attempt import Attempt, attempt
from tests.brokers.engines import ENGINES
from tests.brokers.table import table
from tests.brokers.trials.size import LONG, SHORT

DOCUMENT: Final = Path(__file__).parents[2] / "docs/brokers.md"
_BETWEEN: Final = re.compile(r"(?<=<!-- brokers -->\n).*(?=<!-- end of the brokers -->)", re.DOTALL)
_NAMES: Final = [engine.name for engine in ENGINES]


def prove(
    engines: Annotated[list[str] | None, typer.Argument(help=f"all by default: {' '.join(_NAMES)}")] = None,
    *,
    short: Annotated[bool, typer.Option("--short", help="with as few uplinks as the tests")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="engines side by side")] = 2,
    write: Annotated[bool, typer.Option("--write", help="put the table into docs/brokers.md")] = False,
) -> None:
    """Run real brokers, kill them and the gateways, and count. Exit status 1: a broker is not as expected."""
    chosen = engines or _NAMES
    if unknown := {*chosen} - {*_NAMES}:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the engines are {', '.join(_NAMES)}")
    began = time.monotonic()
    attempts: dict[str, Attempt] = {}
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=processes, max_tasks_per_child=1) as pool:
        running = {pool.submit(attempt, name, SHORT if short else LONG): name for name in chosen}
        for ended in as_completed(running):
            name = running[ended]
            attempts[name] = ended.result()
            _show(name, attempts[name], time.monotonic() - began)
    found = [one.outcome for name in _NAMES if (one := attempts.get(name)) and one.outcome]
    typer.echo(table(found))
    is_failed = any(one.failure for one in attempts.values()) or any(one.complaints for one in found)
    if write and not is_failed:
        minutes = (time.monotonic() - began) / 60
        system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
        how = f"{datetime.now(UTC):%Y-%m-%d}, {system}, {jobs} engines side by side, in {minutes:.0f} minutes:"
        DOCUMENT.write_text(_BETWEEN.sub(lambda _: f"{how}\n\n{table(found)}\n", DOCUMENT.read_text()))
    raise typer.Exit(is_failed)


def _show(name: str, ended: Attempt, seconds: float) -> None:
    if ended.left_out is not None:
        typer.echo(f"{name}: left out: {ended.left_out}", err=True)
    if ended.failure is not None:
        typer.echo(f"{name}: failed\n{ended.failure}", err=True)
    if ended.outcome is not None:
        typer.echo(f"{name}: ended after {seconds:.0f} s", err=True)
        for complaint in ended.outcome.complaints:
            typer.echo(f"{name}: {complaint}", err=True)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(prove)
    app()
