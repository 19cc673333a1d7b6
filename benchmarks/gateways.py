"""`make bench-gateways`: several gateways on one shared subscription drain one backlog into one database.

All gateways are connected and suspended while the broker distributes the backlog, and continue together. A message waits in
the session of its gateway, so that no gateway takes work from a slower one.

The uplinks of one device go to different gateways, without an order between them. Every uplink is recorded once, every space
ends in the state of its newest uplink, and every step of the log is legal, begins where the one before it ended, and has its
own uplink. An uplink that is overtaken by a newer one makes no step, so that there can be fewer steps than changes.
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
from benchmarks.contestants import Contestant, Failed, Running, read_page, running
from benchmarks.drain import Drain
from benchmarks.figures import cost, middle, pace, peak, published, summary
from benchmarks.fleet import ExpectedOutcome, Fleet
from benchmarks.machine import Machine
from benchmarks.meter import Processor, peak_bytes
from benchmarks.pages import measured_on, page, table, write
from benchmarks.servers import Mosquitto, mosquitto
from benchmarks.stage import RESULTS, Stage, print_line, stage
from parking_gateway.cli.demo.brokers import LOCALHOST, free_port

_CHANGES: Final = 0.1
_TEMPLATE: Final = "template_gateways"
_GROUP: Final = "bench"
_PATIENT: Final = {"MQTT__SHARED_GROUP": _GROUP, "MQTT__KEEPALIVE": "3600"}
"""The keepalive is so long that the broker does not disconnect a suspended gateway."""
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
    "steps of all changes",
    "all published after",
)


class Team(msgspec.Struct, frozen=True, kw_only=True):
    """A number of gateways, and their results, run by run."""

    gateways: int
    drains: list[Drain]
    recorded: list[list[int]]
    """Uplinks, by gateway."""
    steps: list[int]
    """Rows of `transition`."""
    changes: list[int]
    """Uplinks that changed a space."""


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
    numbers: Annotated[str, typer.Option("--gateways", help="The others are compared with the first.")] = "1,2,4",
    uplinks: Annotated[int, typer.Option(min=100, help="Uplinks in the backlog.")] = 50_000,
    spaces: Annotated[int, typer.Option(min=1, help="Spaces, each with a sensor.")] = 1000,
    runs: Annotated[int, typer.Option(min=1, help="How often each number of gateways drains it.")] = 3,
    output: Annotated[Path, typer.Option(help="Directory for gateways.json and gateways.md.")] = RESULTS,
) -> None:
    """Drain the same backlog with several gateways that share it. Takes about two minutes."""
    try:
        teams = [Team(gateways=int(one), drains=[], recorded=[], steps=[], changes=[]) for one in numbers.split(",")]
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake)) from None
    with stage() as here:
        machine = Machine.this(here.server)
        here.make(_TEMPLATE, spaces=spaces, is_published=True)
        for number in range(runs):
            for team in drain.turned(teams, number):
                print_line(f"{team.gateways} together, run {number + 1} of {runs} …")
                _run(team, Fleet(spaces, changes=_CHANGES, form="json"), uplinks, here)
    done = Teams(at=datetime.now(UTC), machine=machine, uplinks=uplinks, spaces=spaces, teams=teams)
    write(output, "gateways", done, as_markdown(done))


def _run(team: Team, fleet: Fleet, uplinks: int, here: Stage) -> None:
    """Let the team drain a backlog, and check the result. Raises Failed or LeftOver."""
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(here.folder))
        url = stack.enter_context(here.server.database(template=_TEMPLATE))
        watcher = stack.enter_context(psycopg.connect(url, autocommit=True))
        members = [stack.enter_context(_member(one, broker, url, watcher, here)) for one in range(team.gateways)]
        for one in members:
            one.running.freeze()
        asyncio.run(sessions.fill(broker.url, (event.publication for event in fleet.backlog(uplinks))))
        expected = fleet.outcome()
        team.drains.append(_drain(members, expected, broker, watcher, here))
        team.recorded.append([_recorded(one) for one in members])
        for one in members:
            one.running.stop()
        _require_right(members, team.recorded[-1], expected, broker, watcher)
        team.steps.append(outcome.steps(watcher))
        team.changes.append(expected.transitions)


@contextmanager
def _member(number: int, broker: Mosquitto, url: str, watcher: psycopg.Connection, here: Stage) -> Iterator[_Member]:
    """A gateway that is ready and idle."""
    name = f"bench-gateway-{number + 1}"
    listen = f"{LOCALHOST}:{free_port()}"
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
    members: Sequence[_Member],
    expected: ExpectedOutcome,
    broker: Mosquitto,
    watcher: psycopg.Connection[object],
    here: Stage,
) -> Drain:
    pids = [one.running.pid for one in members]

    def used() -> Processor:
        backend = watcher.info.backend_pid
        return Processor.now(loops=pids, broker=broker.pid, database=here.server.pid, watcher=backend)

    def has_committed() -> bool:
        for one in members:
            one.running.require_alive()
        return outcome.has_committed(watcher, expected)

    used_before = used()
    began = time.monotonic()
    for one in members:
        one.running.thaw()
    wait = members[0].running.wait_until
    ended = wait(has_committed, participle="committed", every=_LOOK_SECONDS, within=_DRAIN_SECONDS)
    done = wait(
        lambda: outcome.has_published(watcher), participle="published", every=_LOOK_SECONDS, within=_DRAIN_SECONDS
    )
    return Drain(
        contestant=Contestant.DAEMON,
        uplinks=expected.uplinks,
        seconds=ended - began,
        published_after=done - began,
        cpu=used().since(used_before),
        peak_bytes=sum([peak_bytes(pid) or 0 for pid in pids]) or None,
        resident_bytes=[],
    )


def _recorded(one: _Member) -> int:
    """How many uplinks it has recorded, by its own metric."""
    lines = read_page(one.listen, "/metrics").splitlines()
    return int(float(next(line for line in lines if line.startswith(_RECORDED)).removeprefix(_RECORDED)))


def _require_right(
    members: Sequence[_Member],
    recorded: Sequence[int],
    expected: ExpectedOutcome,
    broker: Mosquitto,
    watcher: psycopg.Connection[object],
) -> None:
    if not all(recorded) or sum(recorded) != expected.uplinks:
        raise Failed(f"The gateways recorded {recorded} of {expected.uplinks} uplinks: they did not share them")
    outcome.require_kept(Contestant.DAEMON, watcher, expected)
    outcome.require_whole_log(watcher)
    outcome.require_no_step_twice(watcher, expected)
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
        f"{median([steps / changes for steps, changes in zip(team.steps, team.changes, strict=True)]):.1%}",
        published(drains),
    )


if __name__ == "__main__":
    typer.run(gateways)
