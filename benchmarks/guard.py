"""`make bench-guard`: whether the gateway became slower, by ratios within one run, which a slow machine does not change.

CI runs it. It ends with status 1 when a ratio is beyond its limit.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec
import typer

from benchmarks import drain
from benchmarks.contestants import Contestant
from benchmarks.drain import Drain, Ground
from benchmarks.figures import Figure, cost, middle, rate, ratio
from benchmarks.fleet import Fleet
from benchmarks.pages import page, table
from benchmarks.stage import Stage, print_line, stage

# Each limit has the ratio that was measured on two idle cores beside it. The margin is wide, because CI's machines are shared
# and these drains last a second: the limits find a gateway that is half as fast, and not one that is a tenth slower.
RATE_OF_BARE: Final = 0.4
"""At least: uplinks per second of (c), of those of (b). Measured: 65%."""
CPU_OF_BARE: Final = 5.0
"""At most: CPU of the gateway per uplink, of that of (b). Measured: 340%."""
DATABASE_CPU_OF_BARE: Final = 3.0
"""At most: CPU of PostgreSQL per uplink of (c), of that of (b). Measured: 165%."""
RATE_OF_LARGE: Final = 0.4
"""At least: uplinks per second with many spaces, of those with few. Measured: 56%, because with few spaces a transaction reads and
writes each of them once."""

_FEW: Final = 1000
_MANY: Final = 100_000
_CHANGES: Final = 0.1
_HEAD: Final = ("", "measured", "limit", "kept?")
_SMALL: Final = "guard_small"
_LARGE: Final = "guard_large"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One ratio, and its limit."""

    what: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_kept(self) -> bool:
        """Whether it is within its limit."""
        return (self.at_least is None or self.measured >= self.at_least) and (
            self.at_most is None or self.measured <= self.at_most
        )

    @property
    def limit(self) -> str:
        """The limit as text."""
        return f"at least {self.at_least:.0%}" if self.at_least is not None else f"at most {self.at_most:.0%}"


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """The drains, in the order of the runs."""

    bare: list[Drain] = []
    gateway: list[Drain] = []
    large: list[Drain] = []
    """The gateway with many spaces."""


def guard(
    *,
    uplinks: Annotated[int, typer.Option(min=1000, help="Uplinks in the backlog.")] = 20_000,
    runs: Annotated[int, typer.Option(min=1, help="How often each of them drains it.")] = 3,
) -> None:
    """Say whether the gateway is as fast as it has to be, beside a bare loop. Takes about half a minute."""
    with stage() as here:
        done = _measure(uplinks, runs, here)
    found = list(verdicts(done))
    typer.echo(page(_rates(done), table(_HEAD, map(_row, found))))
    broken = [one for one in found if not one.is_kept]
    for one in broken:
        print_line(
            f"{one.what} is {one.measured:.0%}, and has to be {one.limit}: look at what changed with `make bench`."
        )
    if broken:
        raise typer.Exit(1)


def verdicts(done: Runs) -> Iterator[Verdict]:
    """Every ratio with its limit."""
    yield Verdict(
        what="uplinks/s of the gateway, of the bare loop's",
        measured=ratio(rate, done.gateway, done.bare),
        at_least=RATE_OF_BARE,
    )
    yield Verdict(
        what="CPU of the gateway per uplink, of the bare loop's",
        measured=ratio(cost("loop"), done.gateway, done.bare),
        at_most=CPU_OF_BARE,
    )
    yield Verdict(
        what="CPU of PostgreSQL per uplink for the gateway, of that for the bare loop",
        measured=ratio(cost("database"), done.gateway, done.bare),
        at_most=DATABASE_CPU_OF_BARE,
    )
    yield Verdict(
        what=f"uplinks/s of the gateway with {_MANY:,} spaces, of those with {_FEW:,}",
        measured=ratio(rate, done.large, done.gateway),
        at_least=RATE_OF_LARGE,
    )


def _measure(uplinks: int, runs: int, here: Stage) -> Runs:
    here.make(_SMALL, spaces=_FEW, is_published=True)
    here.make(_LARGE, spaces=_MANY, is_published=True)
    done = Runs()

    def few(number: int) -> None:
        order = drain.turned([Contestant.BARE, Contestant.DAEMON], number)
        for one in _drains(order, _SMALL, _FEW, uplinks, here):
            (done.bare if one.contestant is Contestant.BARE else done.gateway).append(one)

    def many(_number: int) -> None:
        done.large.extend(_drains([Contestant.DAEMON], _LARGE, _MANY, uplinks, here))

    for number in range(runs):
        print_line(f"run {number + 1} of {runs} …")
        for measure in drain.turned([few, many], number):
            measure(number)
    return done


def _drains(order: Sequence[Contestant], template: str, spaces: int, uplinks: int, here: Stage) -> list[Drain]:
    ground = Ground(server=here.server, database=lambda _: here.server.database(template=template), folder=here.folder)
    return drain.run(order, Fleet(spaces, changes=_CHANGES, form="json"), uplinks, ground)


def _rates(done: Runs) -> str:
    labelled = {"(b)": done.bare, f"(c), {_FEW:,} spaces": done.gateway, f"(c), {_MANY:,} spaces": done.large}
    return "Medians: " + "; ".join(f"{label} {_figures(drains)}" for label, drains in labelled.items()) + "."


def _figures(drains: Sequence[Drain]) -> str:
    parts: dict[str, Figure] = {"uplinks/s": rate, "µs": cost("loop"), "µs of PostgreSQL": cost("database")}
    return ", ".join(f"{middle(figure, drains):,.0f} {unit}" for unit, figure in parts.items())


def _row(one: Verdict) -> tuple[str, ...]:
    return (one.what, f"{one.measured:.0%}", one.limit, "yes" if one.is_kept else "**no**")


if __name__ == "__main__":
    typer.run(guard)
