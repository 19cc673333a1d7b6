"""The command of `make proof-database`: every trial in its long form, and the table of docs/how-to/two-database-servers.md."""

from pathlib import Path
from typing import Final

import typer

from tests.databases import trials
from tests.databases.table import HEADINGS, cells
from tests.proof.suite import Jobs, Numbers, Short, Suite, Write

DOCUMENT: Final = Path(__file__).parents[2] / "docs/how-to/two-database-servers.md"
SUITE: Final = Suite(package=trials.__name__, headings=HEADINGS, cells=cells, document=DOCUMENT)


def prove(numbers: Numbers = None, *, short: Short = False, jobs: Jobs = 2, write: Write = False) -> None:
    """Break every way to run PostgreSQL beyond one server, and count what was lost. Exit status 1: a trial failed."""
    raise typer.Exit(not SUITE.prove(numbers or (), is_short=short, jobs=jobs, is_written=write))


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(prove)
    app()
