"""How commands show what they found: tables for people, JSON for scripts."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import typer

from parking_gateway.core.printable import printable, printable_json

if TYPE_CHECKING:
    from parking_gateway.register.outcome import Registered

_MOST = 1000
"""Rows in a terminal: nobody reads more, and rich needs a millisecond for each."""


def show_line(text: str) -> None:
    """A line for a person. Strangers choose names and topics in it, so what a terminal would obey is escaped."""
    typer.echo(printable(text))


def show_error(sentence: str) -> None:
    """A line on standard error, escaped likewise."""
    typer.echo(printable(sentence), err=True)


def show_json(document: object) -> None:
    """One JSON document on standard output, and nothing else."""
    typer.echo(printable_json(msgspec.json.format(msgspec.json.encode(document), indent=2)))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table in a terminal; elsewhere lines with tabs between the cells, which `grep`, `cut` and `awk` understand."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            typer.echo("\t".join(map(_cell, row)))
        return
    from rich.console import Console  # noqa: PLC0415 - what is heavy is imported when it is needed
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows[:_MOST]:
        table.add_row(*map(_cell, row))
    Console(highlight=False, markup=False, emoji=False).print(table)
    if len(rows) > _MOST:
        typer.echo(f"These are the first {_MOST} of {len(rows)}; into a pipe, or with --json, go all.", err=True)


def show_outcome(outcome: "Registered", *, is_kept: bool, as_json: bool) -> None:
    """What became of a register."""
    from parking_gateway.register.summary import sentences  # noqa: PLC0415 - as above

    if as_json:
        show_json({"dry_run": not is_kept} | msgspec.to_builtins(outcome))
        return
    for sentence in sentences(outcome):
        show_line(sentence)
    if not is_kept:
        show_line("It was a dry run: nothing was kept.")


def percent(value: int | None) -> str | None:
    """As a cell of a table."""
    return None if value is None else f"{value} %"


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case _:
            return printable(" ".join(str(value).split()))
