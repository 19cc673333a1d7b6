"""The table of docs/brokers.md."""

from collections.abc import Iterable, Sequence

from tests.brokers.notes import HEADINGS
from tests.brokers.trials import Outcome


def table(outcomes: Iterable[Outcome]) -> str:
    """A row for each engine, in Markdown."""
    rows = [
        ("broker", *HEADINGS, "settings"),
        ("---",) * (len(HEADINGS) + 2),
        *((one.product, *(one.cells.get(heading, "") for heading in HEADINGS), one.settings) for one in outcomes),
    ]
    return "\n".join(map(_row, rows))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
