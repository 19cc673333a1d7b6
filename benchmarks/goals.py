"""`make bench-goals`: the goals of performance, and what the gateway achieves on this machine."""

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from benchmarks import drain, life
from benchmarks.contestants import Contestant
from benchmarks.drain import Drain, Ground
from benchmarks.fleet import Fleet
from benchmarks.life import Life, Republished
from benchmarks.machine import Machine
from benchmarks.pages import ABSENT, measured_on, page, table, write
from benchmarks.stage import RESULTS, Stage, print_line, stage

_BACKLOG_UPLINKS: Final = 1_000_000
_BACKLOG_SECONDS: Final = 60.0
_BACKLOG_SPACES: Final = 1000
_FLAT_MB: Final = 10.0
"""Growth between a tenth of a backlog and its end that still counts as flat."""
_PUBLISHED_SPACES: Final = 50_000
_PUBLISHED_SECONDS: Final = 3.0
_START_SECONDS: Final = 5.0
_MEMORY_MB: Final = 120.0
_IDLE_PERCENT: Final = 0.5
_LIVES: Final = "1000,100000"

_CHANGES: Final = 0.1
_TENTH: Final = 0.1
_MB: Final = 1e6
_TEMPLATE: Final = "template_goals"
_HEAD: Final = ("", "goal", "measured", "met?")


class Part(StrEnum):
    """The parts that can be measured alone."""

    BACKLOG = "backlog"
    PUBLISHED = "published"
    START = "start"
    MEMORY = "memory"
    IDLE = "idle"


_OF_A_LIFE: Final = frozenset({Part.START, Part.MEMORY, Part.IDLE})


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number, and its limit. None: it has no limit."""

    what: str
    measured: float
    unit: str
    at_most: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.at_most is None else self.measured <= self.at_most


class Goals(msgspec.Struct, frozen=True, kw_only=True):
    """One `make bench-goals`."""

    at: datetime
    machine: Machine
    figures: list[Figure]
    backlog: Drain | None
    republished: Republished | None
    lives: list[Life]


def goals(  # noqa: PLR0913 - the options of a command
    *,
    only: Annotated[str, typer.Option(help="What is measured.")] = ",".join(Part),
    uplinks: Annotated[int, typer.Option(min=1, help="Uplinks in the backlog.")] = _BACKLOG_UPLINKS,
    published: Annotated[int, typer.Option(min=1, help="Spaces that all are due at once.")] = _PUBLISHED_SPACES,
    spaces: Annotated[str, typer.Option(help="Spaces of each gateway that starts, rests and drains.")] = _LIVES,
    idle_seconds: Annotated[float, typer.Option("--idle", min=1, help="Seconds of rest.")] = 20,
    drained: Annotated[int, typer.Option(min=1, help="Uplinks before memory is looked at again.")] = 50_000,
    output: Annotated[Path, typer.Option(help="Directory for goals.json and goals.md.")] = RESULTS,
) -> None:
    """Measure everything that there is a goal for. Takes about five minutes."""
    try:
        parts = {Part(name) for name in only.split(",")}
        lives = [int(number) for number in spaces.split(",")] if parts & _OF_A_LIFE else []
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake)) from None
    with stage() as here:
        machine = Machine.this(here.server)
        backlog = _backlog(uplinks, here) if Part.BACKLOG in parts else None
        republished = _republished(published, here) if Part.PUBLISHED in parts else None
        led = [_life(number, idle_seconds, drained, here) for number in lives]
    done = Goals(
        at=datetime.now(UTC),
        machine=machine,
        figures=[
            *(of_backlog(backlog) if backlog else ()),
            *(of_republished(republished) if republished else ()),
            *(figure for part in Part if part in parts for one in led for figure in of_life(one, part)),
        ],
        backlog=backlog,
        republished=republished,
        lives=led,
    )
    write(output, "goals", done, as_markdown(done))


def _backlog(uplinks: int, here: Stage) -> Drain:
    print_line(f"a backlog of {uplinks:,} uplinks …")
    here.make(_TEMPLATE, spaces=_BACKLOG_SPACES)
    ground = Ground(server=here.server, database=lambda _: here.server.database(template=_TEMPLATE), folder=here.folder)
    (drained,) = drain.run([Contestant.DAEMON], Fleet(_BACKLOG_SPACES, changes=_CHANGES, form="json"), uplinks, ground)
    return drained


def _republished(spaces: int, here: Stage) -> Republished:
    print_line(f"{spaces:,} spaces that all are due …")
    return life.republish(spaces, here=here)


def _life(spaces: int, idle_seconds: float, uplinks: int, here: Stage) -> Life:
    print_line(f"a gateway with {spaces:,} spaces …")
    return life.lead(spaces, idle_seconds=idle_seconds, uplinks=uplinks, here=here)


def of_backlog(drained: Drain) -> Iterator[Figure]:
    """The duration, and the growth of memory. For another backlog, the goal is in proportion."""
    words = f"backlog of {drained.uplinks:,} uplinks from {_BACKLOG_SPACES:,} spaces"
    goal = _BACKLOG_SECONDS * drained.uplinks / _BACKLOG_UPLINKS
    yield Figure(what=f"{words}: committed and acknowledged", measured=drained.seconds, unit="s", at_most=goal)
    if drained.published_after is not None:
        yield Figure(what=f"{words}: everything published", measured=drained.published_after, unit="s")
    if not drained.resident_bytes:
        return  # it was over within a second
    resident = [one / _MB for one in drained.resident_bytes]
    early = resident[min(int(_TENTH * drained.seconds), len(resident) - 1)]
    late = resident[min(int(drained.seconds), len(resident) - 1)]
    yield Figure(what=f"{words}: memory after a tenth", measured=early, unit="MB")
    yield Figure(what=f"{words}: memory at the end", measured=late, unit="MB")
    yield Figure(what=f"{words}: growth in between", measured=late - early, unit="MB", at_most=_FLAT_MB)
    if drained.peak_bytes is not None:
        peak = drained.peak_bytes / _MB
        yield Figure(what=f"{words}: peak of memory", measured=peak, unit="MB", at_most=_MEMORY_MB)


def of_republished(found: Republished) -> Iterator[Figure]:
    """The duration. For another number of spaces, the goal is in proportion."""
    goal = _PUBLISHED_SECONDS * found.confirmed / _PUBLISHED_SPACES
    words = f"{found.confirmed:,} spaces due at once: published and confirmed"
    yield Figure(what=words, measured=found.seconds, unit="s", at_most=goal)


def of_life(one: Life, part: Part) -> Iterator[Figure]:
    """The figures of one part."""
    words = f"{one.spaces:,} spaces"
    if part is Part.START:
        yield Figure(what=f"{words}: ready after a start", measured=one.ready_after, unit="s", at_most=_START_SECONDS)
        first = f"{words}, at the first start: all"
        yield Figure(what=f"{first} spaces published", measured=one.spaces_published_after, unit="s")
        yield Figure(what=f"{first} spaces, devices and counts published", measured=one.all_published_after, unit="s")
    if part is Part.MEMORY:
        looks = {
            "memory at rest": one.idle_bytes,
            "its peak until then": one.idle_peak_bytes,
            f"memory after {one.drained_uplinks:,} uplinks": one.drained_bytes,
            "its peak": one.drained_peak_bytes,
        }
        for what, found in looks.items():
            if found is not None:
                yield Figure(what=f"{words}: {what}", measured=found / _MB, unit="MB", at_most=_MEMORY_MB)
    if part is Part.IDLE:
        share = 100 * one.idle_share
        yield Figure(what=f"{words}: CPU at rest, of one core", measured=share, unit="%", at_most=_IDLE_PERCENT)


def as_markdown(done: Goals) -> str:
    """One table."""
    return page(measured_on(done.machine, at=done.at), table(_HEAD, map(_row, done.figures)))


def _row(figure: Figure) -> tuple[str, ...]:
    goal = ABSENT if figure.at_most is None else f"<= {figure.at_most:,.3g} {figure.unit}"
    verdict = {True: "yes", False: "**no**", None: ABSENT}[figure.is_met]
    return (figure.what, goal, f"{figure.measured:,.2f} {figure.unit}", verdict)


if __name__ == "__main__":
    typer.run(goals)
