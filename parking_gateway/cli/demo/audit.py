"""Compares the ledger with the database, the database with the retained messages, and every space with its transitions.

The comparisons are pure; `audit` reads what they compare. Each yields one sentence for each difference.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Final

import msgspec
import psycopg

from parking_gateway.cli.demo.audited_topics import wrong_topics
from parking_gateway.cli.demo.ledger import Ledger, final_cars, final_occupancy
from parking_gateway.cli.demo.recorded import (
    Backlog,
    DatabaseContents,
    TransitionRow,
    place_of,
    read_backlog,
    read_database,
)
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.contract.messages import SpaceMessage
from parking_gateway.core.space import LEGAL_STEPS, SpaceState
from parking_gateway.register.entries import Place

PATIENCE: Final = timedelta(seconds=15)
_LOOK_AGAIN_SECONDS: Final = 0.1


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of a run, and the differences that were found."""

    uplinks: int
    """Uplinks that the broker confirmed, each counted once."""
    recorded: int
    """How many of these are in the database."""
    duplicates: int
    """Messages that the broker confirmed beyond the first of each uplink."""
    rejected: int
    transitions: int
    published: int
    """Retained messages that a new subscriber receives, and transitions that the broker confirmed."""
    lost: int
    """Uplinks that the broker confirmed and that are not in the database."""
    differences: tuple[str, ...]
    """One sentence for each."""


async def audit(
    *, ledger: Ledger, broker_url: str, database_url: str, root: str = ROOT, patience: timedelta = PATIENCE
) -> AuditReport:
    """Wait until the gateway has caught up or makes no progress for as long as `patience`, then compare.

    The fleet must have stopped; the gateway can go on.
    """
    deadline = asyncio.get_running_loop().time() + patience.total_seconds()
    await wait_for_empty_backlog(ledger, database_url, patience=patience)
    while True:
        contents = await read_database(database_url)
        report = report_on(ledger, contents, await read_retained(broker_url, root), root=root)
        # Database and broker are not read at one instant, so that a difference only counts when it stays.
        if not report.differences or asyncio.get_running_loop().time() > deadline:
            return report
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def wait_for_empty_backlog(ledger: Ledger, database_url: str, *, patience: timedelta = PATIENCE) -> Backlog:
    """Wait until the backlog is empty, or has not changed for as long as `patience`. Returns it."""
    clock = asyncio.get_running_loop().time
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        backlog, changed_at = await read_backlog(connection, ledger), clock()
        while not backlog.is_empty and clock() - changed_at < patience.total_seconds():
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            before, backlog = backlog, await read_backlog(connection, ledger)
            changed_at = changed_at if backlog == before else clock()
    return backlog


def report_on(
    ledger: Ledger, contents: DatabaseContents, retained: Mapping[str, bytes], *, root: str = ROOT
) -> AuditReport:
    """Make every comparison."""
    lost = ledger.confirmed.keys() - contents.rows.keys()
    return AuditReport(
        uplinks=ledger.uplinks,
        recorded=ledger.uplinks - len(lost),
        duplicates=ledger.duplicates,
        rejected=contents.rejected,
        transitions=len(contents.steps),
        published=len(retained) + sum(step.is_published for step in contents.steps),
        lost=len(lost),
        differences=(
            *wrong_uplinks(ledger, contents),
            *wrong_rejections(ledger, contents),
            *wrong_spaces(ledger, contents),
            # What a visitor has changed on the board is not in the ledger.
            *(() if contents.orders else wrong_states(ledger, contents)),
            *wrong_zones(ledger, contents),
            *wrong_steps(contents),
            *wrong_topics(contents, retained, root),
        ),
    )


def wrong_uplinks(ledger: Ledger, contents: DatabaseContents) -> Iterator[str]:
    """Every confirmed uplink is in the database exactly once, and no uplink that was not sent."""
    for one in ledger.confirmed.keys() - contents.rows.keys():
        yield f"lost: the broker confirmed the uplink {one}, and the database does not have it"
    for one, times in contents.rows.items():
        if one not in ledger.sent:
            yield f"unexpected: the database has the uplink {one}, which was not sent"
        if times > 1:
            yield f"duplicated: the database has the uplink {one} {times} times"


def wrong_rejections(ledger: Ledger, contents: DatabaseContents) -> Iterator[str]:
    """Every damaged frame in the database was rejected exactly once, and no other frame was."""
    for one in contents.rows.keys() & ledger.sent.keys():
        expected, found = int(ledger.sent[one].is_damaged), contents.rejections.get(one, 0)
        if found != expected:
            yield f"the uplink {one} has {found} rejections, and should have {expected}"


def wrong_spaces(ledger: Ledger, contents: DatabaseContents) -> Iterator[str]:
    """Every space has the occupancy of its newest uplink, in whatever order the uplinks came."""
    occupancies = final_occupancy(ledger.sent[one] for one in contents.rows.keys() & ledger.sent.keys())
    for space in contents.spaces:
        is_occupied = occupancies.get(place_of(space))
        expected = "unknown" if is_occupied is None else "occupied" if is_occupied else "vacant"
        if space.occupancy != expected:
            yield f"{place_of(space)} is {space.occupancy}, and its newest uplink is {expected}"
    for place in occupancies.keys() - {place_of(space) for space in contents.spaces}:
        yield f"{place} is not in the database"


def wrong_states(ledger: Ledger, contents: DatabaseContents) -> Iterator[str]:
    """Every space has the state that its occupancy and people give it, and its lamp shows this state."""
    for space in contents.spaces:
        place = place_of(space)
        expected = _state(space, ledger)
        if space.state is not expected:
            yield f"{place} is {space.state}, and its occupancy and the requests for it give {expected}"
        if (shown := ledger.lamps.get(place, space.state)) != space.state:
            yield f"the lamp of {place} shows {shown}, and the space is {space.state}"


def wrong_zones(ledger: Ledger, contents: DatabaseContents) -> Iterator[str]:
    """Every counted zone has the cars that its counter has counted."""
    cars = final_cars(ledger.sent[one] for one in contents.rows.keys() & ledger.sent.keys())
    for (site, zone), counted in contents.counted.items():
        if counted.count != cars.get((site, zone), 0):
            yield f"{site}/{zone} has {counted.count} cars, and its counter {cars.get((site, zone), 0)}"


def wrong_steps(contents: DatabaseContents) -> Iterator[str]:
    """Every transition is legal, and the transitions of a space lead from FREE to its state."""
    valid = sorted((step for step in contents.steps if not step.is_withdrawn), key=_place_of)
    log = {place: list(steps) for place, steps in groupby(valid, key=_place_of)}
    for space in contents.spaces:
        steps = log.get(place_of(space), [])
        yield from _replay(steps)
        if not steps:
            if (space.state, space.previous, space.cause) != (SpaceState.FREE, None, None):
                yield f"{place_of(space)} is {space.state} after {space.previous}, and its log is empty"
            continue
        last = steps[-1]
        if space.state is not last.after:
            yield f"{place_of(space)} is {space.state}, and its log ends with {last.after}"
        elif (space.since, space.previous, space.cause) != (last.at, last.before, last.cause):
            yield f"{place_of(space)} differs from its last transition, {last.id}"


def _state(space: SpaceMessage, ledger: Ledger) -> SpaceState:
    place = place_of(space)
    if place in ledger.out_of_service:
        return SpaceState.MAINTENANCE
    if space.occupancy == "occupied":
        return SpaceState.OCCUPIED
    return SpaceState.RESERVED if place in ledger.reserved else SpaceState.FREE


def _replay(steps: Iterable[TransitionRow]) -> Iterator[str]:
    state = SpaceState.FREE
    for step in steps:
        if step.before is not state:
            yield f"{step.place}: step {step.id} begins at {step.before}, where the log has reached {state}"
        if step.after not in LEGAL_STEPS[step.before]:
            yield f"{step.place}: step {step.id} from {step.before} to {step.after} is not legal"
        state = step.after


def _place_of(step: TransitionRow) -> Place:
    return step.place
