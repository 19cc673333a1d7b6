"""The command of `make proof`: every trial in its long form, and the table of docs/explanation/reliability.md."""

import multiprocessing
import re
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, Final

import typer

from tests.proof.attempt import Attempt, attempt
from tests.proof.table import HEADINGS, row, table
from tests.proof.trials import TRIALS

DOCUMENT: Final = Path(__file__).parents[2] / "docs/explanation/reliability.md"
_BETWEEN: Final = re.compile(r"(?<=<!-- proof -->\n).*(?=<!-- end of the proof -->)", re.DOTALL)


def prove(
    numbers: Annotated[list[str] | None, typer.Argument(help="such as T1 T5; all of them by default")] = None,
    *,
    short: Annotated[bool, typer.Option("--short", help="as often as the suite breaks it")] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="trials side by side; each has servers of its own")] = 2,
    write: Annotated[bool, typer.Option("--write", help="put the table into docs/explanation/reliability.md")] = False,
) -> None:
    """Break everything, and count what was lost. Exit status 1: a trial failed."""
    began = time.monotonic()
    chosen = [
        place
        for place, trial in enumerate(TRIALS)
        if trial.times(is_long=not short) and (not numbers or trial.number in numbers)
    ]
    typer.echo(row(HEADINGS))
    attempts = []
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=processes, max_tasks_per_child=1) as pool:
        running = {pool.submit(attempt, place, is_long=not short): TRIALS[place] for place in chosen}
        for ended in as_completed(running):
            attempts.append(ended.result())
            _show(f"{running[ended].number}, {running[ended].title}", attempts[-1])
    outcomes = [one.outcome for one in attempts if one.outcome is not None]
    is_failed = any(one.failure for one in attempts) or not all(one.counts.is_right for one in outcomes)
    if write and not is_failed:
        minutes = (time.monotonic() - began) / 60
        how = f"{attempts[0].versions}, {len(outcomes)} trials, {jobs} side by side, in {minutes:.0f} minutes:"
        DOCUMENT.write_text(_BETWEEN.sub(lambda _: f"{how}\n\n{table(outcomes)}\n", DOCUMENT.read_text()))
    raise typer.Exit(is_failed)


def _show(name: str, ended: Attempt) -> None:
    if ended.left_out is not None:
        typer.echo(f"{name}: left out: {ended.left_out}", err=True)
    if ended.failure is not None:
        typer.echo(f"{name}: failed\n{ended.failure}", err=True)
    if ended.outcome is not None:
        typer.echo(row(ended.outcome.cells()))
        for difference in ended.outcome.counts.differences:
            typer.echo(difference, err=True)


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(prove)
    app()
