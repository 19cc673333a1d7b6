"""Writes results as JSON with every figure, and as a page of Markdown."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import typer

from benchmarks.machine import Machine

ABSENT: Final = "-"


def write(folder: Path, name: str, result: msgspec.Struct, markdown: str) -> None:
    """Write both into the folder, and print the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_bytes(as_json(result))
    (folder / f"{name}.md").write_text(markdown)
    typer.echo(markdown)
    typer.echo(f"Written to {folder}/{name}.json and {name}.md", err=True)


def as_json(result: msgspec.Struct) -> bytes:
    """The result as formatted JSON."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def page(*parts: str) -> str:
    """Paragraphs and tables as one text."""
    return "\n\n".join(parts) + "\n"


def measured_on(machine: Machine, *, at: datetime) -> str:
    """The time and the machine of the measurement."""
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"{at:%Y-%m-%d %H:%M} UTC. {machine.processor}, {machine.cores} cores, "
        f"{machine.memory_bytes / 2**30:.0f} GiB, {machine.system}; load before the start {machine.load_before}. "
        f"{versions}."
    )


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table whose first column is text and whose others are figures."""
    return "\n".join(_lines(head, rows))


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _line(head)
    yield _line(("---", *["---:"] * (len(head) - 1)))
    yield from map(_line, rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
