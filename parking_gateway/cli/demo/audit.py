"""The audit: the ledger against the database, the database against the broker, and every space against its own log.

The judgements are pure; `audit` gathers the evidence and asks them. An empty list of differences is the only good answer.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

import msgspec
import psycopg

from parking_gateway.cli.demo.evidence import Books, Step, Waiting, read_books, read_retained, read_waiting
from parking_gateway.cli.demo.ledger import Ledger, last_word
from parking_gateway.contract.messages import CountsMessage, DeviceMessage, SpaceMessage
from parking_gateway.core.space import LEGAL_STEPS, Contact, SpaceState
from parking_gateway.register.entries import Place

ROOT: Final = "parking/v1"
PATIENCE: Final = timedelta(seconds=15)
_LOOK_AGAIN_SECONDS: Final = 0.1
_SAID_OF_DEVICES: Final = ("dev_eui", "name", "contact", "battery_percent", "codec", "problem", "site", "zone", "space")
"""What a change of is published at once. The rest is as old as the last publication."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, in numbers and, where something is wrong, in words."""

    uplinks: int
    """That the broker confirmed, each once."""
    recorded: int
    """Of those, in the database."""
    duplicates: int
    """Messages that the broker confirmed beyond the first of each uplink."""
    rejected: int
    transitions: int
    published: int
    """Retained messages that a new subscriber finds, and transitions that the broker confirmed."""
    lost: int
    """Confirmed, and not in the database."""
    differences: tuple[str, ...]
    """A sentence for everything that is not as it has to be."""


async def audit(
    *, ledger: Ledger, broker_url: str, database_url: str, root: str = ROOT, patience: timedelta = PATIENCE
) -> Report:
    """Wait until the gateway has caught up or makes no progress for as long as `patience`, then judge.

    The gateway may go on running; the fleet must have stopped.
    """
    deadline = asyncio.get_running_loop().time() + patience.total_seconds()
    await caught_up(ledger, database_url, patience=patience)
    while True:
        books = await read_books(database_url)
        report = judge(ledger, books, await read_retained(broker_url, root), root=root)
        # The two are not read at one instant, so that a difference only counts when it stays.
        if not report.differences or asyncio.get_running_loop().time() > deadline:
            return report
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def caught_up(ledger: Ledger, database_url: str, *, patience: timedelta = PATIENCE) -> Waiting:
    """Return when nothing of the ledger waits any more, or when nothing has moved for as long as `patience`."""
    clock = asyncio.get_running_loop().time
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        waiting, moved_at = await read_waiting(connection, ledger), clock()
        while not waiting.is_over and clock() - moved_at < patience.total_seconds():
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            before, waiting = waiting, await read_waiting(connection, ledger)
            moved_at = moved_at if waiting == before else clock()
    return waiting


def judge(ledger: Ledger, books: Books, retained: Mapping[str, bytes], *, root: str = ROOT) -> Report:
    """Hold everything against everything."""
    lost = ledger.confirmed.keys() - books.rows.keys()
    return Report(
        uplinks=ledger.uplinks,
        recorded=ledger.uplinks - len(lost),
        duplicates=ledger.duplicates,
        rejected=books.rejected,
        transitions=len(books.steps),
        published=len(retained) + sum(step.is_published for step in books.steps),
        lost=len(lost),
        differences=(
            *wrong_uplinks(ledger, books),
            *wrong_rejections(ledger, books),
            *wrong_spaces(ledger, books),
            *wrong_steps(books),
            *wrong_topics(books, retained, root),
        ),
    )


def wrong_uplinks(ledger: Ledger, books: Books) -> Iterator[str]:
    """Every confirmed uplink is in the database once, and no other is."""
    for one in ledger.confirmed.keys() - books.rows.keys():
        yield f"lost: the broker confirmed the uplink {one}, and the database does not have it"
    for one, times in books.rows.items():
        if one not in ledger.sent:
            yield f"unexpected: the database has the uplink {one}, which nobody sent"
        if times > 1:
            yield f"duplicated: the database has the uplink {one} {times} times"


def wrong_rejections(ledger: Ledger, books: Books) -> Iterator[str]:
    """Every damaged frame that is in the database was refused, once, and no other was."""
    for one in books.rows.keys() & ledger.sent.keys():
        expected, found = int(ledger.sent[one].is_damaged), books.rejections.get(one, 0)
        if found != expected:
            yield f"the uplink {one} has {found} rejections, and should have {expected}"


def wrong_spaces(ledger: Ledger, books: Books) -> Iterator[str]:
    """Every space ended as the newest of its uplinks says, in whatever order they came."""
    words = last_word(ledger.sent[one] for one in books.rows.keys() & ledger.sent.keys())
    for space in books.spaces:
        is_occupied = words.get(_place(space))
        expected = "unknown" if is_occupied is None else "occupied" if is_occupied else "vacant"
        if space.occupancy != expected:
            yield f"{_place(space)} is {space.occupancy}, and its last uplink said {expected}"
    for place in words.keys() - {_place(space) for space in books.spaces}:
        yield f"{place} is not in the database"


def wrong_steps(books: Books) -> Iterator[str]:
    """Every step of the log is legal, and the steps of a space lead from FREE to its state."""
    log = {place: list(steps) for place, steps in groupby(sorted(books.steps, key=_place_of), key=_place_of)}
    for space in books.spaces:
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
            yield f"{_place(space)} says something else of its last step than the log, step {last.id}"


def wrong_topics(books: Books, retained: Mapping[str, bytes], root: str) -> Iterator[str]:
    """Every retained topic says what the database says, none is missing, and none is too many."""
    expected = dict(_topics(books, root))
    for topic, message in expected.items():
        if topic not in retained:
            yield f"{topic} is not retained"
            continue
        try:
            published = msgspec.json.decode(retained[topic], type=type(message))
        except msgspec.MsgspecError as error:
            yield f"{topic} does not follow the contract: {error}"
            continue
        told, known = _told(published), _told(message)
        for name in told.keys() | known.keys():
            if told.get(name) != known.get(name):
                yield f"{topic} says {name} {told.get(name)}, and the database {known.get(name)}"
    for topic in retained.keys() - expected.keys():
        # A gateway speaks of itself here.
        if not topic.startswith(f"{root}/gateways/"):
            yield f"{topic} is retained, and the database does not know why"


def _topics(books: Books, root: str) -> Iterator[tuple[str, SpaceMessage | CountsMessage | DeviceMessage]]:
    for space in books.spaces:
        yield f"{root}/spaces/{_place(space)}", space
    for site, zone in books.zones:
        there = [space for space in books.spaces if (space.site, space.zone) == (site, zone)]
        yield f"{root}/zones/{site}/{zone}", _counted(there, site=site, zone=zone)
    for site in {site for site, _ in books.zones}:
        there = [space for space in books.spaces if space.site == site]
        yield f"{root}/sites/{site}", _counted(there, site=site, zone=msgspec.UNSET)
    for device in books.devices:
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
    )


def _told(message: SpaceMessage | CountsMessage | DeviceMessage) -> dict[str, Any]:
    fields = msgspec.structs.asdict(message)
    return {name: fields[name] for name in _SAID_OF_DEVICES} if isinstance(message, DeviceMessage) else fields


def _replay(steps: Iterable[Step]) -> Iterator[str]:
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


def _place_of(step: Step) -> Place:
    return step.place
