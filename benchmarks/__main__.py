"""`python -m benchmarks`: everything in order, from two empty servers to a table."""

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from benchmarks import bare, car_park, drain, latency, report, servers
from benchmarks.contestants import Contestant, Failed
from benchmarks.events import Form
from benchmarks.fleet import Fleet
from benchmarks.machine import Machine, commits
from benchmarks.report import Report, Scenario
from benchmarks.servers import Postgres, Unavailable
from benchmarks.sessions import LeftOver
from parking_gateway.config import DatabaseConfig
from parking_gateway.store import schema
from parking_gateway.store.engine import opened

_RESULTS: Final = Path(__file__).parent / "results"
_TEMPLATES: Final = drain.Templates(bare="template_bare", gateway="template_gateway")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asked for."""

    uplinks: int
    spaces: int
    changes: list[float]
    forms: list[Form]
    runs: int
    contestants: list[Contestant]
    latency_seconds: float


def bench(  # noqa: PLR0913 - the options of a command
    *,
    uplinks: Annotated[int, typer.Option(min=1, help="Uplinks in the backlog.")] = 50_000,
    spaces: Annotated[int, typer.Option(min=1, help="Spaces, each with a sensor.")] = 1000,
    changes: Annotated[str, typer.Option(help="Share of uplinks that change a state; several with commas.")] = "0.1",
    form: Annotated[str, typer.Option("--format", help="json, protobuf or both with a comma.")] = "json",
    runs: Annotated[int, typer.Option(min=1, help="How often each contestant drains the backlog.")] = 3,
    only: Annotated[str, typer.Option(help="a: receives only; b: bare durable loop; c: the gateway.")] = "a,b,c",
    latency_seconds: Annotated[float, typer.Option("--latency", min=0, help="Seconds for each load; 0: none.")] = 10,
    output: Annotated[Path, typer.Option(help="Directory for bench.json and bench.md.")] = _RESULTS,
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
        )
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake)) from None
    try:
        done = _measure(plan)
    except (Unavailable, Failed, LeftOver) as reason:
        typer.echo(f"{type(reason).__name__}: {reason}", err=True)
        raise typer.Exit(1) from None
    output.mkdir(parents=True, exist_ok=True)
    (output / "bench.json").write_bytes(report.as_json(done))
    (output / "bench.md").write_text(report.as_markdown(done))
    typer.echo(report.as_markdown(done))
    typer.echo(f"Written to {output}/bench.json and bench.md", err=True)


def _measure(plan: Plan) -> Report:
    servers.mosquitto_version()  # what is not installed shall be missed before anything is started
    with tempfile.TemporaryDirectory(prefix="parking-gateway-bench-") as name:
        folder = Path(name)
        with servers.postgres(folder) as database:
            here = Machine.this(database)
            _make_templates(database, spaces=plan.spaces)
            return Report(
                at=datetime.now(UTC),
                machine=here,
                commits=commits(database),
                scenarios=list(_scenarios(plan, database, folder)),
                latencies=list(_latencies(plan, database, folder)),
            )


def _make_templates(database: Postgres, *, spaces: int) -> None:
    for name in (_TEMPLATES.bare, _TEMPLATES.gateway):
        database.execute("create database {}", name)
    bare.prepare(database.url_of(_TEMPLATES.bare), spaces=spaces)
    asyncio.run(_migrate(database.url_of(_TEMPLATES.gateway)))
    car_park.seed(database.url_of(_TEMPLATES.gateway), spaces=spaces)


async def _migrate(url: str) -> None:
    async with opened(url, DatabaseConfig()) as engine:
        await schema.upgrade(engine)


def _scenarios(plan: Plan, database: Postgres, folder: Path) -> Iterator[Scenario]:
    for form, changes in product(plan.forms, plan.changes):
        drains = []
        for number in range(plan.runs):
            backlog = Fleet(plan.spaces, changes=changes, form=form).backlog(plan.uplinks)
            # Nobody is always the first, or always after the same one.
            turn = number % len(plan.contestants)
            order = plan.contestants[turn:] + plan.contestants[:turn]
            _say(f"{form}, {changes:.0%} changes, run {number + 1} of {plan.runs}: {', '.join(order)} …")
            drains += drain.run(order, backlog, database=database, templates=_TEMPLATES, folder=folder)
        yield Scenario(
            form=form,
            changes=changes,
            uplinks=plan.uplinks,
            spaces=plan.spaces,
            mean_bytes=backlog.mean_bytes,
            drains=drains,
        )


def _latencies(plan: Plan, database: Postgres, folder: Path) -> Iterator[latency.Latency]:
    if not plan.latency_seconds or Contestant.DAEMON not in plan.contestants:
        return
    for load in latency.LOADS:
        _say(f"latency at {load.rate} uplinks/s, {load.changes:.0%} changes …")
        yield latency.run(
            load,
            seconds=plan.latency_seconds,
            spaces=plan.spaces,
            form=plan.forms[0],
            database=database,
            template=_TEMPLATES.gateway,
            folder=folder,
        )


def _say(what: str) -> None:
    typer.echo(what, err=True)


if __name__ == "__main__":
    typer.run(bench)
