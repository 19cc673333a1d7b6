"""`make bench-against`: measures this checkout and an earlier revision in turn, each with its own benchmark.

The earlier revision is checked out into a temporary folder, so that its schema and its code stay together. The figures
are ratios within a pair of runs, because a slow machine slows down both.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from benchmarks.drain import turned
from benchmarks.figures import beside, cost, rate
from benchmarks.pages import page, table
from benchmarks.report import Report
from benchmarks.stage import print_line

_ROOT: Final = Path(__file__).parent.parent
_HEAD: Final = ("", "earlier", "now", "now / earlier", "lowest to highest")


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """The reports of both, pair by pair."""

    earlier: list[Report]
    now: list[Report]


def against(
    revision: Annotated[str, typer.Argument(help="A commit, tag or branch of this repository.")],
    *,
    uplinks: Annotated[int, typer.Option(min=1, help="Uplinks in the backlog.")] = 50_000,
    runs: Annotated[int, typer.Option(min=1, help="How often each of the two is measured.")] = 5,
    latency: Annotated[float, typer.Option(min=0, help="Seconds for each load; 0: none.")] = 8,
) -> None:
    """Measure throughput, CPU and latency of both, in turn. Takes some 40 seconds for each run of each."""
    options = ["--only", "c", "--runs", "1", "--uplinks", str(uplinks), "--latency", str(latency)]
    with tempfile.TemporaryDirectory(prefix="parking-gateway-against-") as name, _checkout(revision) as earlier:
        pairs = Pairs(earlier=[], now=[])
        contenders = [(earlier, pairs.earlier), (_ROOT, pairs.now)]
        for number in range(runs):
            for checkout, reports in turned(contenders, number):
                print_line(f"pair {number + 1} of {runs}: {'now' if checkout == _ROOT else revision} …")
                reports.append(_measured(checkout, options, Path(name)))
    typer.echo(page(f"{revision} against this checkout, {runs} pairs of runs.", table(_HEAD, rows(pairs))))


def rows(pairs: Pairs) -> Iterator[tuple[str, ...]]:
    """Each figure: the medians of both, and the median, lowest and highest of the ratios within a pair."""
    earlier, now = (
        [drain for report in reports for one in report.scenarios for drain in one.drains]
        for reports in (pairs.earlier, pairs.now)
    )
    figures = {
        "uplinks/s": rate,
        "CPU µs per uplink": cost("loop"),
        "CPU µs of PostgreSQL per uplink": cost("database"),
    }
    for what, figure in figures.items():
        yield beside(what, list(map(figure, earlier)), list(map(figure, now)))
    for loads in zip(*(report.latencies for report in (*pairs.earlier, *pairs.now)), strict=True):
        load, middle = loads[0].load, len(pairs.earlier)
        what = f"at {load.rate} uplinks/s, {load.changes:.0%} changes: "
        for percentile in ("p50", "p99"):
            found = [float(getattr(one, percentile)) for one in loads]
            yield beside(f"{what}{percentile}, ms", found[:middle], found[middle:])


def _measured(checkout: Path, options: Sequence[str], folder: Path) -> Report:
    command = [sys.executable, "-m", "benchmarks", *options, "--output", str(folder)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        print_line(f"The benchmark of {checkout} ended with status {done.returncode}: {done.stderr[-2000:]}")
        raise typer.Exit(1)
    return msgspec.json.decode((folder / "bench.json").read_bytes(), type=Report)


@contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="parking-gateway-earlier-") as name:
        folder = Path(name) / "checkout"
        _git("worktree", "add", "--detach", "--quiet", str(folder), revision)
        try:
            yield folder
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607 - git as the person has it
    if done.returncode:
        print_line(done.stderr.strip())
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(against)
