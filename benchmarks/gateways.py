"""`make bench-gateways`: several gateways on one shared subscription drain one backlog into one database.

They wait, connected and frozen, while the broker hands the backlog out among them, and are let go together. Whatever
a session was given waits there for its gateway, so that nobody takes work from one that is slow.

One device's uplinks go to different gateways, and no order holds between those. What holds: every uplink is there once,
every space ends as its sensor last said, every step of the log is legal, begins where the one before it ended, and has an
uplink of its own. An uplink that is overtaken by a younger one makes no step, so that there may be fewer than were told.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import msgspec
import psycopg
import typer

from benchmarks import drain, outcome, sessions
from benchmarks.contestants import Contestant, Failed, Running, asked, running
from benchmarks.drain import Drain
from benchmarks.figures import cost, middle, pace, peak, published, summary
from benchmarks.fleet import Fleet, Told
from benchmarks.machine import Machine
from benchmarks.meter import Processor, peak_bytes
from benchmarks.pages import measured_on, page, table, write
from benchmarks.servers import Mosquitto, mosquitto
from benchmarks.stage import RESULTS, Stage, say, stage
from parking_gateway.cli.demo.brokers import free_port

_CHANGES: Final = 0.1
_TEMPLATE: Final = "template_gateways"
_GROUP: Final = "bench"
_PATIENT: Final = {"MQTT__SHARED_GROUP": _GROUP, "MQTT__KEEPALIVE": "3600"}
"""Nobody is hung up on for the time that it is frozen."""
_RECORDED: Final = "parking_gateway_uplinks_recorded_total "
_LOOK_SECONDS: Final = 0.02
_DRAIN_SECONDS: Final = 900
_HEAD: Final = (
    "gateways",
    "uplinks/s together",
    "lowest to highest",
    "of the first",
    "CPU µs per uplink",
    "of the first",
    "Mosquitto",
    "PostgreSQL",
    "peak MB together",
    "smallest share",
    "steps of those told",
    "all published after",
)


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """So many gateways, and what they did together, run by run."""

    gateways: int
    drains: list[Drain]
    recorded: list[list[int]]
    """Uplinks, by gateway."""
    steps: list[int]
    """Of the log."""
    told: list[int]
    """Changes that the sensors told."""


class Teams(msgspec.Struct, frozen=True, kw_only=True):
    """One `make bench-gateways`."""

    at: datetime
    machine: Machine
    uplinks: int
    spaces: int
    teams: list[Team]


class _Member(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway of a team."""

    client_id: str
    listen: str
    running: Running


def gateways(
    *,
    numbers: Annotated[str, typer.Option("--gateways", help="The first is what others are compared with.")] = "1,2,4",
    uplinks: Annotated[int, typer.Option(min=100, help="Uplinks in the backlog.")] = 50_000,
    spaces: Annotated[int, typer.Option(min=1, help="Spaces, each with a sensor.")] = 1000,
    runs: Annotated[int, typer.Option(min=1, help="How often each number of gateways drains it.")] = 3,
    output: Annotated[Path, typer.Option(help="Directory for gateways.json and gateways.md.")] = RESULTS,
) -> None:
    """Drain the same backlog with several gateways that share it. Takes about two minutes."""
    try:
        teams = [Team(gateways=int(one), drains=[], recorded=[], steps=[], told=[]) for one in numbers.split(",")]
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake)) from None
    with stage() as here:
        machine = Machine.this(here.server)
        here.make(_TEMPLATE, spaces=spaces, is_published=True)
        for number in range(runs):
            for team in drain.turned(teams, number):
                say(f"{team.gateways} together, run {number + 1} of {runs} …")
                _run(team, Fleet(spaces, changes=_CHANGES, form="json"), uplinks, here)
    done = Teams(at=datetime.now(UTC), machine=machine, uplinks=uplinks, spaces=spaces, teams=teams)
    write(output, "gateways", done, as_markdown(done))


def _run(team: Team, fleet: Fleet, uplinks: int, here: Stage) -> None:
    """Let the team drain a backlog, and look whether all is as it has to be. Raises Failed or LeftOver."""
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(here.folder))
        url = stack.enter_context(here.server.database(template=_TEMPLATE))
        watcher = stack.enter_context(psycopg.connect(url, autocommit=True))
        members = [stack.enter_context(_member(one, broker, url, watcher, here)) for one in range(team.gateways)]
        for one in members:
            one.running.freeze()
        asyncio.run(sessions.fill(broker.url, (event.publication for event in fleet.backlog(uplinks))))
        told = fleet.told()
        team.drains.append(_drain(members, told, broker, watcher, here))
        team.recorded.append([_recorded(one) for one in members])
        for one in members:
            one.running.stop()
        _require_right(members, team.recorded[-1], told, broker, watcher)
        team.steps.append(outcome.steps(watcher))
        team.told.append(told.transitions)


@contextmanager
def _member(number: int, broker: Mosquitto, url: str, watcher: psycopg.Connection, here: Stage) -> Iterator[_Member]:
    """A gateway that is ready and has nothing to do."""
    name = f"bench-gateway-{number + 1}"
    listen = f"127.0.0.1:{free_port()}"
    asyncio.run(sessions.remember_gateway(broker.url, watcher, instance=name))
    with running(
        Contestant.DAEMON,
        broker_url=broker.url,
        database_url=url,
        log=here.folder / f"{name}.log",
        settings={**_PATIENT, "MQTT__CLIENT_ID": name, "GATEWAY__INSTANCE": name, "TELEMETRY__LISTEN": listen},
    ) as gateway:
        gateway.wait_until_ready(listen)
        yield _Member(client_id=name, listen=listen, running=gateway)


def _drain(
    members: Sequence[_Member], told: Told, broker: Mosquitto, watcher: psycopg.Connection[object], here: Stage
) -> Drain:
    pids = [one.running.pid for one in members]

    def used() -> Processor:
        backend = watcher.info.backend_pid
        return Processor.now(loops=pids, broker=broker.pid, database=here.server.pid, watcher=backend)

    def has_committed() -> bool:
        for one in members:
            one.running.require_alive()
        return outcome.has_committed(watcher, told)

    used_before = used()
    began = time.monotonic()
    for one in members:
        one.running.thaw()
    wait = members[0].running.wait_until
    ended = wait(has_committed, what="committed", every=_LOOK_SECONDS, within=_DRAIN_SECONDS)
    done = wait(lambda: outcome.has_published(watcher), what="published", every=_LOOK_SECONDS, within=_DRAIN_SECONDS)
    return Drain(
        contestant=Contestant.DAEMON,
        uplinks=told.uplinks,
        seconds=ended - began,
        published_after=done - began,
        cpu=used().since(used_before),
        peak_bytes=sum([peak_bytes(pid) or 0 for pid in pids]) or None,
        resident_bytes=[],
    )


def _recorded(one: _Member) -> int:
    """How many uplinks it says it has recorded."""
    lines = asked(one.listen, "/metrics").splitlines()
    return int(float(next(line for line in lines if line.startswith(_RECORDED)).removeprefix(_RECORDED)))


def _require_right(
    members: Sequence[_Member],
    recorded: Sequence[int],
    told: Told,
    broker: Mosquitto,
    watcher: psycopg.Connection[object],
) -> None:
    if not all(recorded) or sum(recorded) != told.uplinks:
        raise Failed(f"The gateways recorded {recorded} of {told.uplinks} uplinks: they did not share them")
    outcome.require_kept(Contestant.DAEMON, watcher, told)
    outcome.require_whole_log(watcher)
    outcome.require_no_step_twice(watcher, told)
    outcome.require_no_deadlock(watcher)
    for one in members:
        asyncio.run(sessions.require_empty(broker.url, one.client_id, shared_group=_GROUP))


def as_markdown(done: Teams) -> str:
    """One table."""
    heading = (
        f"One backlog of {done.uplinks:,} uplinks from {done.spaces:,} spaces, {_CHANGES:.0%} of them changing a state, "
        f"drained by gateways that share it; {summary(max(len(team.drains) for team in done.teams))}:"
    )
    rows = (_row(team, done.teams[0].drains) for team in done.teams)
    return page(measured_on(done.machine, at=done.at), heading, table(_HEAD, rows))


def _row(team: Team, first: Sequence[Drain]) -> tuple[str, ...]:
    drains = team.drains
    shares = chain.from_iterable([one / sum(recorded) for one in recorded] for recorded in team.recorded)
    return (
        str(team.gateways),
        *pace(drains, first),
        f"{middle(cost('broker'), drains):.0f}",
        f"{middle(cost('database'), drains):.0f}",
        peak(drains),
        f"{min(shares):.1%}",
        f"{median([steps / told for steps, told in zip(team.steps, team.told, strict=True)]):.1%}",
        published(drains),
    )


if __name__ == "__main__":
    typer.run(gateways)
