"""`python -m benchmarks`: starts the servers, measures, and prints the tables."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from benchmarks import drain, latency, pages, plots, report
from benchmarks.contestants import Contestant
from benchmarks.drain import Ground
from benchmarks.events import Form
from benchmarks.fleet import Fleet
from benchmarks.machine import Machine, commits
from benchmarks.report import Report, Scenario
from benchmarks.stage import RESULTS, Stage, print_line, stage

_TEMPLATE: Final = "template_car_park"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command."""

    uplinks: int
    spaces: int
    changes: list[float]
    forms: list[Form]
    runs: int
    contestants: list[Contestant]
    latency_seconds: float
    settings: dict[str, str]


def bench(  # noqa: PLR0913 - the options of a command
    *,
    uplinks: Annotated[int, typer.Option(min=1, help="Uplinks in the backlog.")] = 50_000,
    spaces: Annotated[int, typer.Option(min=1, help="Spaces, each with a sensor.")] = 1000,
    changes: Annotated[str, typer.Option(help="Share of uplinks that change a state; several with commas.")] = "0.1",
    form: Annotated[str, typer.Option("--format", help="json, protobuf or both with a comma.")] = "json",
    runs: Annotated[int, typer.Option(min=1, help="How often each contestant drains the backlog.")] = 3,
    only: Annotated[
        str, typer.Option(help="a: receives only; b: bare durable loop; c: the gateway; t: Telegraf.")
    ] = "a,b,c",
    latency_seconds: Annotated[float, typer.Option("--latency", min=0, help="Seconds for each load; 0: none.")] = 10,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting of the contestants, such as MQTT__RECEIVE_MAXIMUM=4000. The option can be repeated."
        ),
    ] = None,
    output: Annotated[Path, typer.Option(help="Directory for bench.json, bench.md and the plots.")] = RESULTS,
) -> None:
    """Drain a backlog of uplinks with the gateway, beside a loop that only receives and a bare durable loop.

    Mosquitto has to be installed; everything else is brought. Takes about two minutes.
    """
    try:
        plan = Plan(
            uplinks=uplinks,
            spaces=spaces,
            changes=[float(share) for share in changes.split(",")],
            forms=msgspec.convert(form.split(","), list[Form]),
            runs=runs,
            contestants=[Contestant(letter) for letter in only.split(",")],
            latency_seconds=latency_seconds,
            settings=dict(one.split("=", 1) for one in setting or ()),
        )
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake)) from None
    done = _measure(plan)
    pages.write(output, "bench", done, report.as_markdown(done))
    print_line(plots.draw(done, output))


def _measure(plan: Plan) -> Report:
    with stage() as here:
        machine = Machine.this(here.server)
        here.make(_TEMPLATE, spaces=plan.spaces)
        return Report(
            at=datetime.now(UTC),
            machine=machine,
            commits=commits(here.server),
            scenarios=list(_scenarios(plan, here)),
            latencies=list(_latencies(plan, here)),
        )


def _scenarios(plan: Plan, here: Stage) -> Iterator[Scenario]:
    ground = Ground(
        server=here.server,
        # The contestant that stores nothing gets a database too, so that all runs are alike.
        database=lambda _: here.server.database(template=_TEMPLATE),
        folder=here.folder,
        settings=plan.settings,
    )
    for form, changes in product(plan.forms, plan.changes):
        drains = []
        for number in range(plan.runs):
            fleet = Fleet(plan.spaces, changes=changes, form=form)
            order = drain.turned(plan.contestants, number)
            print_line(f"{form}, {changes:.0%} changes, run {number + 1} of {plan.runs}: {', '.join(order)} …")
            drains += drain.run(order, fleet, plan.uplinks, ground)
        yield Scenario(
            form=form,
            changes=changes,
            uplinks=plan.uplinks,
            spaces=plan.spaces,
            mean_bytes=fleet.outcome().mean_bytes,
            settings=plan.settings,
            drains=drains,
        )


def _latencies(plan: Plan, here: Stage) -> Iterator[latency.Latency]:
    if not plan.latency_seconds or Contestant.DAEMON not in plan.contestants:
        return
    for load in latency.LOADS:
        print_line(f"latency at {load.rate} uplinks/s, {load.changes:.0%} changes …")
        yield latency.run(
            load,
            seconds=plan.latency_seconds,
            spaces=plan.spaces,
            form=plan.forms[0],
            database=here.server,
            template=_TEMPLATE,
            folder=here.folder,
        )


if __name__ == "__main__":
    typer.run(bench)
