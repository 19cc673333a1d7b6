"""The command of `make proof`: every trial in its long form, one after the other, and the table of docs/reliability.md."""

import asyncio
import platform
import re
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import psycopg
import pytest
import typer

from tests.proof.rig import Rig, temporary_rig
from tests.proof.table import HEADINGS, Outcome, outcome_of, row, table
from tests.proof.trials import TRIALS

DOCUMENT: Final = Path(__file__).parents[2] / "docs/reliability.md"
_BETWEEN: Final = re.compile(r"(?<=<!-- proof -->\n).*(?=<!-- end of the proof -->)", re.DOTALL)


def prove(
    numbers: Annotated[list[str] | None, typer.Argument(help="such as T1 T5; all of them by default")] = None,
    *,
    short: Annotated[bool, typer.Option("--short", help="as often as the suite breaks it")] = False,
    write: Annotated[bool, typer.Option("--write", help="put the table into docs/reliability.md")] = False,
) -> None:
    """Break everything, and count what was lost. Exit status 1: a trial failed."""
    chosen = [one for one in TRIALS if not numbers or one.number in numbers]
    typer.echo(row(HEADINGS))
    outcomes: list[Outcome] = []
    failed = 0
    versions = ""
    for trial in chosen:
        if not (times := trial.times(is_long=not short)):
            continue
        with temporary_rig(trial.spaces) as rig:
            versions = versions or _versions(rig)
            try:
                outcome = asyncio.run(outcome_of(trial, rig, times))
            except pytest.skip.Exception as reason:
                typer.echo(f"{trial.number}, {trial.title}: left out: {reason}", err=True)
                continue
            except (Exception, pytest.fail.Exception):  # noqa: BLE001 - the others have to run
                typer.echo(f"{trial.number}, {trial.title}: failed\n{traceback.format_exc()}", err=True)
                failed += 1
                continue
        outcomes.append(outcome)
        typer.echo(row(outcome.cells()))
        for difference in outcome.counts.differences:
            typer.echo(difference, err=True)
        failed += not outcome.counts.is_right
    if write and not failed:
        text = f"{versions}\n\n{table(outcomes)}\n"
        DOCUMENT.write_text(_BETWEEN.sub(lambda _: text, DOCUMENT.read_text()))
    raise typer.Exit(failed > 0)


def _versions(rig: Rig) -> str:
    with psycopg.connect(rig.server.url) as connection:
        server = connection.info.parameter_status("server_version")
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {rig.broker.name}, PostgreSQL {server}, {system}:"


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(prove)
    app()
