"""The command of `make proof`: every trial in its long form, and the table of docs/explanation/reliability.md."""

from pathlib import Path
from typing import Final

import typer

from tests.proof import trials
from tests.proof.suite import Jobs, Numbers, Short, Suite, Write
from tests.proof.table import HEADINGS, cells

DOCUMENT: Final = Path(__file__).parents[2] / "docs/explanation/reliability.md"
SUITE: Final = Suite(package=trials.__name__, headings=HEADINGS, cells=cells, document=DOCUMENT)


def prove(numbers: Numbers = None, *, short: Short = False, jobs: Jobs = 2, write: Write = False) -> None:
    """Break everything, and count what was lost. Exit status 1: a trial failed."""
    raise typer.Exit(not SUITE.prove(numbers or (), is_short=short, jobs=jobs, is_written=write))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(prove)
    app()
