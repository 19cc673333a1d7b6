"""How PostgreSQL carries out the gateway's hot statements, on a database as large as it was measured with."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from benchmarks.pages import page

# What something costs is not in it, because it is PostgreSQL's guess; what it took, and how many pages were touched, is.
_EXPLAIN: Final = "explain (analyze, buffers, settings off, costs off) "


class Hot(msgspec.Struct, frozen=True, kw_only=True):
    """A statement that the gateway executes with every batch or every publication."""

    name: str
    text: str
    """With named parameters as psycopg writes them: %(name)s."""
    arguments: Mapping[str, Any]


def hot_statements() -> tuple[Hot, ...]:
    """Those that are worth a look, with arguments as of an ordinary batch."""
    return ()


def explain(url: str, statements: Iterable[Hot], file: Path, *, heading: str) -> None:
    """Write the plan of every statement, as it was carried out in a transaction that was then undone."""
    with psycopg.connect(url) as connection:
        file.write_text(page(heading, *_sections(connection, statements)))


def _sections(connection: psycopg.Connection[Any], statements: Iterable[Hot]) -> Iterator[str]:
    for hot in statements:
        with connection.transaction(force_rollback=True):
            lines = connection.execute(_EXPLAIN + hot.text, hot.arguments).fetchall()
        yield "\n".join((f"## {hot.name}", "", "```", *(line for (line,) in lines), "```"))
