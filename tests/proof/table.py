"""The outcome of a trial, and its row in the table."""

from collections.abc import Callable, Iterable, Sequence
from string import digits
from typing import Final

import msgspec

from tests.proof.rig import Counts, Rig
from tests.proof.trial import Trial

HEADINGS: Final = (
    "",
    "what was broken",
    "times",
    "acknowledged",
    "lost",
    "lost by the broker",
    "duplicated",
    "unexpected",
    "recovered in s",
    "meanwhile",
)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial found."""

    number: str
    title: str
    times: int
    counts: Counts
    recovered: tuple[float, ...]
    reports: tuple[str, ...]


async def outcome_of(trial: Trial, rig: Rig, times: int) -> Outcome:
    """Run the trial, and compare the ledger with the database and the broker."""
    await trial.run(rig, times)
    counts = await rig.count()
    return Outcome(
        number=trial.number,
        title=trial.title,
        times=rig.times,
        counts=counts,
        recovered=tuple(rig.recovered),
        reports=tuple(dict.fromkeys(rig.reports)),
    )


def row(cells: Sequence[str]) -> str:
    """A row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def cells(outcome: Outcome) -> tuple[str, ...]:
    """The row of an outcome."""
    counts = outcome.counts
    lost = (counts.lost, counts.lost_by_broker)
    numbers = (outcome.times, counts.acknowledged, *lost, counts.duplicated, counts.unexpected)
    return (
        outcome.number,
        outcome.title,
        *(f"{number:,}" for number in numbers),
        seconds(outcome.recovered),
        "; ".join(outcome.reports),
    )


def table(outcomes: Iterable[Outcome], headings: Sequence[str], cells_of: Callable[[Outcome], Sequence[str]]) -> str:
    """The table in Markdown. All columns but the first two and the last are numbers."""
    lines = [
        row(headings),
        row([*["---"] * 2, *["---:"] * (len(headings) - 3), "---"]),
        *(row(cells_of(one)) for one in sorted(outcomes, key=_order)),
    ]
    return "\n".join(lines)


def _order(outcome: Outcome) -> tuple[str, int, str]:
    kind = outcome.number.rstrip(digits)
    return kind, int(outcome.number[len(kind) :] or 0), outcome.title


def seconds(found: Sequence[float]) -> str:
    """The median and the worst."""
    if not found:
        return ""
    middle, worst = sorted(found)[len(found) // 2], max(found)
    return f"{middle:.1f}" if len(found) == 1 else f"{middle:.1f} (worst {worst:.1f})"
