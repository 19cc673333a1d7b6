"""The output of commands: sentences and tables for people, JSON for scripts."""

import os
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
import typer

from parking_gateway.core.printable import printable, printable_json
from parking_gateway.process.systemd import is_journal

if TYPE_CHECKING:
    from parking_gateway.register.outcome import Registered

_STDERR: Final = 2
MOST_ROWS: Final = 1000
"""Rows of a table in a terminal."""
MOST_ERRORS: Final = 20
"""Lines about mistakes. A wrong file can have one in each of its lines."""


def has_colours() -> bool:
    """Whether standard output is a terminal that shows colours, and its user wants them (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show_line(text: str) -> None:
    """Print a line. It may hold names and topics of strangers, so control characters are escaped."""
    typer.echo(printable(text))


def show_error(sentence: str) -> None:
    """Print a line on standard error, escaped too. In systemd's journal it has the priority of an error."""
    typer.echo(f"{'<3>' if is_journal(_STDERR) else ''}{printable(sentence)}", err=True)


def show_remark(sentence: str) -> None:
    """Print a line on standard error that is no mistake, so that it is in no file with the results."""
    typer.echo(printable(sentence), err=True)


def show_errors(sentences: Sequence[str]) -> None:
    """Print a line for each on standard error: the first ones, and the number of the others."""
    for sentence in sentences[:MOST_ERRORS]:
        show_error(sentence)
    if len(sentences) > MOST_ERRORS:
        show_error(f"… and {len(sentences) - MOST_ERRORS:,} more")


def show_json(document: object) -> None:
    """Print one JSON document."""
    typer.echo(printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2)))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, is_whole: bool = False) -> None:
    """Print a table in a terminal; elsewhere lines with tabs between the cells, for `grep`, `cut` and `awk`.

    A terminal shows the first rows, unless the table has to be whole.
    """
    cells = [list(map(_cell, row)) for row in rows]
    if not sys.stdout.isatty():
        for row in (columns, *cells):
            typer.echo("\t".join(row))
        return
    from parking_gateway.cli.table import layout  # noqa: PLC0415 - heavy

    shown = cells if is_whole else cells[:MOST_ROWS]
    table = layout(columns, shown, width=shutil.get_terminal_size().columns)
    if table.header is not None:
        typer.echo(_bold(table.header))
    for first, *others in table.rows:
        # The first line of a block stands out, because it begins a row.
        typer.echo(first if table.header is not None else _bold(first))
        for line in others:
            typer.echo(line)
    if len(rows) > len(shown):
        show_remark(f"These are the first {MOST_ROWS:,} rows, and there are more. A pipe shows all of them.")


def show_outcome(outcome: "Registered", *, is_kept: bool, as_json: bool) -> None:
    """Print the outcome of an import or an assignment."""
    from parking_gateway.register.summary import sentences  # noqa: PLC0415 - as above

    if as_json:
        show_json({"dry_run": not is_kept} | msgspec.to_builtins(outcome))
        return
    for sentence in sentences(outcome):
        show_line(sentence)
    if not is_kept:
        show_line("This was a dry run: nothing was changed.")


def percent(value: int | None) -> str | None:
    """A percentage as a cell of a table."""
    return None if value is None else f"{value} %"


def _bold(text: str) -> str:
    return typer.style(text, bold=True) if has_colours() else text


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case _:
            return printable(" ".join(str(value).split()))
