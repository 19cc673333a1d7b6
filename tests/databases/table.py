"""The table of this suite."""

from typing import Final

from tests.proof.table import Outcome, seconds

HEADINGS: Final = (
    "",
    "what was broken",
    "times",
    "acknowledged",
    "lost",
    "duplicated",
    "wrong retained",
    "first commit after s",
    "what the operator saw, and figures",
)


def cells(outcome: Outcome) -> tuple[str, ...]:
    """The row of an outcome."""
    counts = outcome.counts
    lost = counts.lost + counts.lost_with_server
    numbers = (outcome.times, counts.acknowledged, lost, counts.duplicated, len(counts.differences))
    return (
        outcome.number,
        outcome.title,
        *(f"{number:,}" for number in numbers),
        seconds(outcome.recovered),
        "; ".join(outcome.reports),
    )
