"""Compares the ledger with the database, the database with the retained messages, and every space with its transitions.

The comparisons are pure; `audit` reads what they compare. Each yields one sentence for each difference.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

import msgspec
import psycopg

from parking_gateway.cli.demo.ledger import Ledger, final_occupancy
from parking_gateway.cli.demo.recorded import Backlog, DatabaseContents, TransitionRow, read_backlog, read_database
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.contract.messages import AudienceCounts, CountsMessage, DeviceMessage, SpaceMessage
from parking_gateway.core.audience import Audience
from parking_gateway.core.space import LEGAL_STEPS, Contact, SpaceState
from parking_gateway.register.entries import Place

PATIENCE: Final = timedelta(seconds=15)
_LOOK_AGAIN_SECONDS: Final = 0.1
_COMPARED_DEVICE_FIELDS: Final = (
    "dev_eui",
    "name",
    "contact",
    "battery_percent",
    "codec",
    "problem",
    "problems",
    "site",
    "zone",
    "space",
)
"""A change of these is published at once. The other fields can be as old as the last publication."""


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
        is_occupied = occupancies.get(_place(space))
        expected = "unknown" if is_occupied is None else "occupied" if is_occupied else "vacant"
        if space.occupancy != expected:
            yield f"{_place(space)} is {space.occupancy}, and its newest uplink is {expected}"
    for place in occupancies.keys() - {_place(space) for space in contents.spaces}:
        yield f"{place} is not in the database"


def wrong_steps(contents: DatabaseContents) -> Iterator[str]:
    """Every transition is legal, and the transitions of a space lead from FREE to its state."""
    log = {place: list(steps) for place, steps in groupby(sorted(contents.steps, key=_place_of), key=_place_of)}
    for space in contents.spaces:
        steps = log.get(_place(space), [])
        yield from _replay(steps)
        if not steps:
            if (space.state, space.previous, space.cause) != (SpaceState.FREE, None, None):
                yield f"{_place(space)} is {space.state} after {space.previous}, and its log is empty"
            continue
        last = steps[-1]
        if space.state is not last.after:
            yield f"{_place(space)} is {space.state}, and its log ends with {last.after}"
        elif (space.since, space.previous, space.cause) != (last.at, last.before, last.cause):
            yield f"{_place(space)} differs from its last transition, {last.id}"


def wrong_topics(contents: DatabaseContents, retained: Mapping[str, bytes], root: str) -> Iterator[str]:
    """Every retained message equals its row, no topic is missing, and none is too many."""
    expected = dict(_topics(contents, root))
    for topic, message in expected.items():
        if topic not in retained:
            yield f"{topic} is not retained"
            continue
        try:
            published = msgspec.json.decode(retained[topic], type=type(message))
        except msgspec.MsgspecError as error:
            yield f"{topic} does not follow the contract: {error}"
            continue
        found, recorded = _compared_fields(published), _compared_fields(message)
        for name in found.keys() | recorded.keys():
            if found.get(name) != recorded.get(name):
                yield f"{topic} has {name} {found.get(name)}, and the database {recorded.get(name)}"
    for topic in retained.keys() - expected.keys():
        # These are about a gateway itself, which is not in the tables.
        if not topic.startswith(f"{root}/gateways/"):
            yield f"{topic} is retained, and the database has no row for it"


def _topics(
    contents: DatabaseContents, root: str
) -> Iterator[tuple[str, SpaceMessage | CountsMessage | DeviceMessage]]:
    for space in contents.spaces:
        yield f"{root}/spaces/{_place(space)}", space
    for site, zone in contents.zones:
        there = [space for space in contents.spaces if (space.site, space.zone) == (site, zone)]
        yield f"{root}/zones/{site}/{zone}", _counted(there, site=site, zone=zone)
    for site in {site for site, _ in contents.zones}:
        there = [space for space in contents.spaces if space.site == site]
        yield f"{root}/sites/{site}", _counted(there, site=site, zone=msgspec.UNSET)
    for device in contents.devices:
        yield f"{root}/devices/{device.dev_eui}", device


def _counted(spaces: Collection[SpaceMessage], *, site: str, zone: str | msgspec.UnsetType) -> CountsMessage:
    states = Counter(space.state for space in spaces)
    return CountsMessage(
        site=site,
        zone=zone,
        total=len(spaces),
        free=states[SpaceState.FREE],
        occupied=states[SpaceState.OCCUPIED],
        reserved=states[SpaceState.RESERVED],
        maintenance=states[SpaceState.MAINTENANCE],
        unreachable=sum(space.contact is not Contact.LIVE for space in spaces),
        occupancy=states[SpaceState.OCCUPIED] / len(spaces) if spaces else 0.0,
        capacity=len(spaces),
        audiences={
            one: _of_audience(spaces, one) for one in Audience if any(space.audience is one for space in spaces)
        },
    )


def _of_audience(spaces: Collection[SpaceMessage], audience: Audience) -> AudienceCounts:
    states = [space.state for space in spaces if space.audience is audience]
    return AudienceCounts(total=len(states), free=states.count(SpaceState.FREE))


def _compared_fields(message: SpaceMessage | CountsMessage | DeviceMessage) -> dict[str, Any]:
    fields = msgspec.structs.asdict(message)
    return {name: fields[name] for name in _COMPARED_DEVICE_FIELDS} if isinstance(message, DeviceMessage) else fields


def _replay(steps: Iterable[TransitionRow]) -> Iterator[str]:
    state, since = SpaceState.FREE, None
    for step in steps:
        if step.before is not state:
            yield f"{step.place}: step {step.id} begins at {step.before}, where the log has reached {state}"
        if step.after not in LEGAL_STEPS[step.before]:
            yield f"{step.place}: step {step.id} from {step.before} to {step.after} is not legal"
        if since is not None and step.at < since:
            yield f"{step.place}: step {step.id} is dated before the one that it follows"
        state, since = step.after, step.at


def _place(space: SpaceMessage) -> Place:
    return Place(space.site, space.zone, space.space)


def _place_of(step: TransitionRow) -> Place:
    return step.place
