"""`make bench-telegraf`: the gateway and Telegraf drain the same backlog in turn. Where Telegraf cannot be built, it says so and ends."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import typer

from benchmarks import drain, telegraf
from benchmarks.contestants import Contestant
from benchmarks.drain import Drain, Ground
from benchmarks.figures import Figure, beside, by_contestant, cost, megabytes, rate, total_cost
from benchmarks.fleet import Fleet
from benchmarks.pages import page, table
from benchmarks.servers import Unavailable
from benchmarks.stage import print_line, stage

_TEMPLATE: Final = "template_telegraf"
_HEAD: Final = ("", "Telegraf", "the gateway", "of Telegraf's", "lowest to highest")


def against_telegraf(
    *,
    uplinks: Annotated[int, typer.Option(min=1, help="Uplinks in the backlog.")] = 150_000,
    spaces: Annotated[int, typer.Option(min=1, help="Spaces, each with a sensor.")] = 2000,
    changes: Annotated[float, typer.Option(help="Share of uplinks that change a state.")] = 0.1,
    runs: Annotated[int, typer.Option(min=1, help="How often each of the two drains it.")] = 5,
) -> None:
    """Measure both on the same backlog. Takes some 30 seconds for a run, and minutes for the first one, which builds Telegraf."""
    try:
        telegraf.program()
    except Unavailable as reason:
        print_line(f"Skipped. {reason}")
        return
    drains: list[Drain] = []
    with stage() as here:
        here.make(_TEMPLATE, spaces=spaces, is_published=True)
        ground = Ground(
            server=here.server, database=lambda _: here.server.database(template=_TEMPLATE), folder=here.folder
        )
        for number in range(runs):
            print_line(f"run {number + 1} of {runs} …")
            order = drain.turned([Contestant.DAEMON, Contestant.TELEGRAF], number)
            drains += drain.run(order, Fleet(spaces, changes=changes, form="json"), uplinks, ground)
    heading = (
        f"{uplinks:,} uplinks from {spaces:,} spaces, {changes:.0%} of them changing a state, {runs} pairs of runs."
    )
    typer.echo(page(heading, table(_HEAD, rows(drains))))


def rows(drains: Sequence[Drain]) -> Iterator[tuple[str, ...]]:
    """Each figure: the medians of both, and the median, lowest and highest of the ratios within a run."""
    found = by_contestant(drains)
    theirs, ours = found[Contestant.TELEGRAF], found[Contestant.DAEMON]
    figures: dict[str, Figure] = {
        "uplinks/s": rate,
        "CPU of all three processes, µs per uplink": total_cost,
        "the program itself": cost("loop"),
        "PostgreSQL": cost("database"),
        "Mosquitto": cost("broker"),
        "peak of memory, MB": megabytes,
    }
    for what, figure in figures.items():
        yield beside(what, list(map(figure, theirs)), list(map(figure, ours)))


if __name__ == "__main__":
    typer.run(against_telegraf)
