"""The command of a suite of trials: it runs those of one package side by side, and prints and writes their table."""

import re
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from tests.proof.attempt import Attempt, attempts
from tests.proof.table import Outcome, row, table
from tests.proof.trial import Trial

_BETWEEN: Final = re.compile(r"(?<=<!-- proof -->\n).*(?=<!-- end of the proof -->)", re.DOTALL)

Numbers = Annotated[list[str] | None, typer.Argument(help="such as T1 or pair; all of them by default")]
Short = Annotated[bool, typer.Option("--short", help="as often as the test suite breaks it")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="trials side by side; each has servers of its own")]
Write = Annotated[bool, typer.Option("--write", help="put the table into the page of the documentation")]


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """The trials of a package, and their page."""

    package: str
    """A module with `TRIALS`."""
    headings: Sequence[str]
    cells: Callable[[Outcome], Sequence[str]]
    document: Path
    """Between its two markers lies the table."""

    def prove(self, numbers: Sequence[str], *, is_short: bool, jobs: int, is_written: bool) -> bool:
        """Break everything, and count what was lost. Returns whether all is right."""
        began = time.monotonic()
        trials: list[Trial] = import_module(self.package).TRIALS
        if unknown := {*numbers} - {trial.number for trial in trials}:
            names = dict.fromkeys(trial.number for trial in trials)
            raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the trials are {' '.join(names)}")
        chosen = [
            place
            for place, trial in enumerate(trials)
            if trial.times(is_long=not is_short) and (not numbers or trial.number in numbers)
        ]
        typer.echo(row(self.headings))
        ended = []
        for one in attempts(self.package, chosen, is_long=not is_short, jobs=jobs):
            ended.append(one)
            self._show(one)
        outcomes = [one.outcome for one in ended if one.outcome is not None]
        is_right = not any(one.failure for one in ended) and all(one.counts.is_right for one in outcomes)
        if is_written and is_right:
            minutes = (time.monotonic() - began) / 60
            how = f"{ended[0].versions}, {len(outcomes)} trials, {jobs} side by side, in {minutes:.0f} minutes:"
            left_out = "".join(f"\n\nLeft out: {one.name}: {one.left_out}" for one in ended if one.left_out)
            shown = f"{how}\n\n{table(outcomes, self.headings, self.cells)}{left_out}\n"
            self.document.write_text(_BETWEEN.sub(lambda _: shown, self.document.read_text()))
        return is_right

    def _show(self, ended: Attempt) -> None:
        if ended.left_out is not None:
            typer.echo(f"{ended.name}: left out: {ended.left_out}", err=True)
        if ended.failure is not None:
            typer.echo(f"{ended.name}: failed\n{ended.failure}", err=True)
        if ended.outcome is not None:
            typer.echo(row(self.cells(ended.outcome)))
            for difference in ended.outcome.counts.differences:
                typer.echo(f"{ended.name}: {difference}", err=True)
