"""`make bench-scale`: the same backlog with ever more spaces, and with ever more history behind them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from benchmarks import drain, history, plans
from benchmarks.contestants import Contestant
from benchmarks.drain import Drain, Ground
from benchmarks.figures import by_contestant, compared, cost, middle, pace, peak, published
from benchmarks.fleet import Fleet
from benchmarks.history import History
from benchmarks.machine import Machine
from benchmarks.pages import measured_on, page, table, write
from benchmarks.stage import RESULTS, Stage, print_line, stage

_CHANGES: Final = 0.1
_SHORT: Final = 100_000
"""Uplinks in the backlog of a short run."""
_CALM: Final = {"PUBLICATION__DEVICE_INTERVAL": "86400"}
"""So long that no device is published because of its age: some databases are measured long after they were made."""
_SINCE: Final = timedelta(hours=1)
"""How long ago the history ends: all uplinks of the fleet are newer."""
_HEAD: Final = (
    "",
    "uplinks/s",
    "lowest to highest",
    "of the first",
    "CPU µs per uplink",
    "of the first",
    "PostgreSQL",
    "of the first",
    "peak MB",
    "all published after",
)


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """One size, and its drains."""

    words: str
    spaces: int
    stored: int
    """Uplinks in the database before the drains."""
    drains: list[Drain]


class Scales(msgspec.Struct, frozen=True, kw_only=True):
    """One `make bench-scale`."""

    at: datetime
    machine: Machine
    uplinks: int
    by_spaces: list[Scale]
    by_history: list[Scale]


class _Site(msgspec.Struct, frozen=True, kw_only=True):
    """The databases and the fleet of one size, which all its drains share."""

    scale: Scale
    fleet: Fleet
    ground: Ground
    contestants: list[Contestant]
    url: str
    """Of the gateway's database."""


def scale(  # noqa: PLR0913 - the options of a command
    *,
    spaces: Annotated[str, typer.Option(help="Numbers of spaces; the others are compared with the first.")] = (
        "1000,100000,1000000"
    ),
    past: Annotated[str, typer.Option("--history", help="none, hour, day, month.")] = ",".join(History),
    history_spaces: Annotated[int, typer.Option(min=1, help="Spaces with that history.")] = 100_000,
    uplinks_per_day: Annotated[int, typer.Option(min=1, help="Of each of their sensors.")] = 24,
    uplinks: Annotated[int, typer.Option(min=1, help="Uplinks in the backlog.")] = 300_000,
    runs: Annotated[int, typer.Option(min=1, help="How often each size is drained.")] = 3,
    only: Annotated[str, typer.Option(help="b: bare durable loop (of spaces only); c: the gateway.")] = "b,c",
    short: Annotated[
        bool,
        typer.Option(
            "--short", help="The gateway with more spaces alone, and 100,000 uplinks: some minutes, and 5 GB."
        ),
    ] = False,
    output: Annotated[Path, typer.Option(help="Directory for scale.json, scale.md and plans.md.")] = RESULTS,
) -> None:
    """Drain the same backlog at several sizes. A month of history takes about ten minutes to make, and 20 GB."""
    if short:
        past, only, uplinks = "", Contestant.DAEMON.value, _SHORT
    try:
        numbers = [int(number) for number in spaces.split(",") if number]
        pasts = [History(name) for name in past.split(",") if name]
        contestants = [Contestant(letter) for letter in only.split(",")]
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake)) from None
    with stage() as here:
        machine = Machine.this(here.server)
        by_spaces = [_of_spaces(number, contestants, here) for number in numbers]
        _drain_in_turns(by_spaces, runs, uplinks, here)
        by_history = [_of_history(one, history_spaces, uplinks_per_day, here) for one in pasts]
        _drain_in_turns(by_history, runs, uplinks, here)
        done = Scales(
            at=datetime.now(UTC),
            machine=machine,
            uplinks=uplinks,
            by_spaces=[site.scale for site in by_spaces],
            by_history=[site.scale for site in by_history],
        )
        write(output, "scale", done, as_markdown(done))
        if sites := [*by_spaces, *by_history]:
            largest = max(sites, key=lambda site: (site.scale.stored, site.scale.spaces))
            heading = f"# Plans with {largest.scale.words}"
            statements = asyncio.run(plans.hot_statements(largest.url, largest.fleet))
            plans.explain(largest.url, statements, output / "plans.md", heading=heading)


def _of_spaces(number: int, contestants: Sequence[Contestant], here: Stage) -> _Site:
    words = f"{number:,} spaces"
    print_line(f"making {words} …")
    names = {Contestant.BARE: f"bare_{number}", Contestant.DAEMON: f"gateway_{number}"}
    here.make(names[Contestant.DAEMON], spaces=number, is_published=True)
    here.server.execute("create database {} template {}", names[Contestant.BARE], names[Contestant.DAEMON])
    return _site(Scale(words=words, spaces=number, stored=0, drains=[]), names, contestants, here)


def _of_history(past: History, spaces: int, uplinks_per_day: int, here: Stage) -> _Site:
    print_line(f"making a history of {spaces:,} spaces: {past} …")
    name = f"history_{past}"
    url = here.make(name, spaces=spaces, is_published=True)
    until = datetime.now(UTC) - _SINCE
    stored = history.fill(url, past, spaces=spaces, uplinks_per_day=uplinks_per_day, until=until)
    words = f"{spaces:,} spaces, history: {past} ({stored:,} uplinks)"
    empty = Scale(words=words, spaces=spaces, stored=stored, drains=[])
    return _site(empty, {Contestant.DAEMON: name}, [Contestant.DAEMON], here)


def _site(empty: Scale, names: dict[Contestant, str], contestants: Sequence[Contestant], here: Stage) -> _Site:
    return _Site(
        scale=empty,
        fleet=Fleet(empty.spaces, changes=_CHANGES, form="json"),
        ground=Ground(
            server=here.server,
            database=lambda contestant: nullcontext(here.server.url_of(names[contestant])),
            folder=here.folder,
            settings=_CALM,
        ),
        contestants=[one for one in contestants if one in names],
        url=here.server.url_of(names[Contestant.DAEMON]),
    )


def _drain_in_turns(sites: Sequence[_Site], runs: int, uplinks: int, here: Stage) -> None:
    """Drain every site `runs` times, after one drain that is not counted, because the first changes after a checkpoint cost more.

    With the first change of a page after a checkpoint, PostgreSQL logs the whole page. Where nearly every uplink changes
    another page, that would be most of what a benchmark measures.
    """
    if not sites:
        return
    here.server.execute("checkpoint")
    for number in range(runs + 1):
        for site in drain.turned(sites, number):
            print_line(f"{site.scale.words}, {f'run {number} of {runs}' if number else 'to warm up'} …")
            drained = drain.run(drain.turned(site.contestants, number), site.fleet, uplinks, site.ground)
            if number:
                site.scale.drains.extend(drained)


def as_markdown(done: Scales) -> str:
    """A table for each question."""
    parts = [measured_on(done.machine, at=done.at)]
    parts += _of_scales(f"The same backlog of {done.uplinks:,} uplinks with more spaces:", done.by_spaces)
    parts += _of_scales(f"The same backlog of {done.uplinks:,} uplinks with more history:", done.by_history)
    return page(*parts)


def _of_scales(heading: str, scales: Sequence[Scale]) -> Iterator[str]:
    if scales:
        yield heading
        yield table(_HEAD, _rows(scales))


def _rows(scales: Sequence[Scale]) -> Iterator[tuple[str, ...]]:
    runs = [(one.words, by_contestant(one.drains)) for one in scales]
    for contestant in Contestant:
        drained = [(words, found[contestant]) for words, found in runs if contestant in found]
        for words, drains in drained:
            yield _row(f"{contestant.words}, {words}", drains, drained[0][1])


def _row(words: str, drains: Sequence[Drain], first: Sequence[Drain]) -> tuple[str, ...]:
    return (
        words,
        *pace(drains, first),
        f"{middle(cost('database'), drains):.0f}",
        compared(cost("database"), drains, first),
        peak(drains),
        published(drains),
    )


if __name__ == "__main__":
    typer.run(scale)
