"""The outcome of a trial, and its row in the table."""

from collections.abc import Iterable, Sequence
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

    def cells(self) -> tuple[str, ...]:
        """Its row."""
        counts = self.counts
        lost = (counts.lost, counts.lost_by_broker)
        numbers = (self.times, counts.acknowledged, *lost, counts.duplicated, counts.unexpected)
        return (
            self.number,
            self.title,
            *(f"{number:,}" for number in numbers),
            _seconds(self.recovered),
            "; ".join(self.reports),
        )


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


def table(outcomes: Iterable[Outcome]) -> str:
    """The table in Markdown."""
    lines = [
        row(HEADINGS),
        row([*["---"] * 2, *["---:"] * (len(HEADINGS) - 3), "---"]),
        *(row(one.cells()) for one in sorted(outcomes, key=_order)),
    ]
    return "\n".join(lines)


def _order(outcome: Outcome) -> tuple[int, str]:
    return int(outcome.number.removeprefix("T")), outcome.title


def _seconds(recovered: Sequence[float]) -> str:
    """The median and the worst."""
    if not recovered:
        return ""
    middle, worst = sorted(recovered)[len(recovered) // 2], max(recovered)
    return f"{middle:.1f}" if len(recovered) == 1 else f"{middle:.1f} (worst {worst:.1f})"
