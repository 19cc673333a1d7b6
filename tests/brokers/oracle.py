"""What the recorded uplinks demand by event time: the state of each space, its steps and its stays. Compares with what is there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import psycopg

from parking_gateway.cli.demo.audit import wrong_spaces, wrong_steps, wrong_uplinks
from parking_gateway.cli.demo.ledger import Ledger, SentUplink
from parking_gateway.cli.demo.recorded import DatabaseContents
from parking_gateway.register.entries import Place

_EXACT: Final = timedelta(milliseconds=1)
"""An event has its time as text."""
_STAYS: Final = """
select json_build_array(site.name, zone.name, space.name), past_stay.arrived_at, departed_at
from past_stay
    join space on space.id = past_stay.space join zone on zone.id = zone_id join site on site.id = site_id
where withdrawn_at is null
order by past_stay.arrived_at, past_stay.id
"""
Change = tuple[datetime, bool]
"""When a space changed, and whether a car came."""
Stay = tuple[datetime, datetime]
"""When a car came and when it left."""


async def read_stays(database_url: str) -> dict[Place, list[Stay]]:
    """The stays that have ended, of each space, in the order of their time."""
    found: dict[Place, list[Stay]] = {}
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        for names, arrived_at, departed_at in await (await connection.execute(_STAYS)).fetchall():
            found.setdefault(Place(*names), []).append((arrived_at, departed_at))
    return found


def differences(ledger: Ledger, contents: DatabaseContents, stays: Mapping[Place, Sequence[Stay]]) -> Iterator[str]:
    """A sentence for everything that is lost, doubled, invented, or not as the recorded uplinks demand."""
    yield from wrong_uplinks(ledger, contents)
    yield from wrong_spaces(ledger, contents)
    yield from wrong_steps(contents)
    demanded = _changes(contents.rows.keys(), ledger)
    for place, changes in demanded.items():
        steps = [step.at for step in contents.steps if step.place == place and not step.is_withdrawn]
        if not _are_equal([at for at, _ in changes], steps):
            yield f"{place} has {len(steps)} steps, and its uplinks demand {len(changes)}, or their times differ"
        expected = [(came, left) for (came, is_car), (left, _) in pairwise(changes) if is_car]
        found = stays.get(place, [])
        if not _are_equal([at for stay in expected for at in stay], [at for stay in found for at in stay]):
            yield f"{place} has {len(found)} stays, and its uplinks demand {len(expected)}, or their times differ"


def _changes(recorded: Iterable[UUID], ledger: Ledger) -> dict[Place, list[Change]]:
    """The changes of each space, whatever the order in which its uplinks came."""
    uplinks = sorted((ledger.sent[one] for one in recorded if one in ledger.sent), key=_time_of)
    found: dict[Place, list[Change]] = {}
    for one in uplinks:
        if one.place is None:
            continue
        changes = found.setdefault(one.place, [])
        was_occupied = changes[-1][1] if changes else False
        if one.is_occupied is not was_occupied:
            changes.append((one.seen_at, bool(one.is_occupied)))
    return found


def _time_of(uplink: SentUplink) -> datetime:
    return uplink.seen_at


def _are_equal(expected: Sequence[datetime], found: Sequence[datetime]) -> bool:
    if len(expected) != len(found):
        return False
    return all(abs(one - other) < _EXACT for one, other in zip(expected, found, strict=True))
