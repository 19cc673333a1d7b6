"""What the audit reads from the database, with SQL of its own, so that a mistake in the gateway's SQL cannot hide itself."""

from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import dict_row

from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.contract.messages import DeviceMessage, SpaceMessage
from parking_gateway.core.space import SpaceState
from parking_gateway.register.entries import Place

Row = TypeVar("Row", SpaceMessage, DeviceMessage, "TransitionRow")


class TransitionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `transition`."""

    id: int
    place: Place
    before: SpaceState
    after: SpaceState
    at: datetime
    cause: str
    is_published: bool
    is_withdrawn: bool = False
    """An uplink that came late has shown that it did not happen so."""


class CountedZone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone that a counter counts."""

    capacity: int
    count: int
    drift: int


class DatabaseContents(msgspec.Struct, frozen=True, kw_only=True):
    """The database at one instant."""

    rows: dict[UUID, int]
    """Rows of `uplink` by deduplication id."""
    rejections: dict[UUID, int]
    """Rows of `rejection` by deduplication id."""
    rejected: int
    """All rows of `rejection`, including messages that were not uplinks."""
    zones: list[tuple[str, str]]
    """Site and zone, including zones without a space."""
    spaces: list[SpaceMessage]
    devices: list[DeviceMessage]
    steps: list[TransitionRow]
    """Ordered by time and id."""
    counted: dict[tuple[str, str], CountedZone] = {}
    orders: int = 0
    """Requests that a visitor of the board has made."""


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How many confirmed messages and due rows the gateway has not handled yet."""

    uplinks: int
    rejections: int
    publications: int

    @property
    def is_empty(self) -> bool:
        """Whether the gateway has caught up."""
        return not (self.uplinks or self.rejections or self.publications)


_ROWS: Final = "select deduplication_id, count(*) from uplink group by 1"
_REJECTIONS: Final = "select deduplication_id, count(*) from rejection where deduplication_id is not null group by 1"
_ORDERS: Final = "select count(*) from request where client = 'board' and outcome = 'ok'"
_ZONES: Final = "select site.name, zone.name from zone join site on site.id = site_id"
_COUNTED: Final = """
select site.name, zone.name, json_build_object('capacity', capacity, 'count', least(count, capacity), 'drift', drift)
from zone join site on site.id = site_id
where capacity is not null
"""
_SPACES: Final = """
select site.name as site, zone.name as zone, space.name as space, state, since, previous, contact, reserved_until,
    coalesce(occupancy, 'unknown') as occupancy, reservation, maintenance_reason, maintenance_until, battery_percent, space.version,
    cause, updated_at as updated, audience, overstay is not distinct from 'exceeded' as overstay,
    state = 'OCCUPIED' and reservation is not null and not reserved_checked_in as pending
from space join zone on zone.id = zone_id join site on site.id = site_id
"""
_DEVICES: Final = """
select device.dev_eui, device.name, device.contact, device.heard_at as last_heard, device.battery_percent,
    battery_volts, rssi, snr, device.codec, device.problem, device.problems, uplinks_lost, site.name as site, zone.name as zone, space.name as space
from device
    left join installation on installation.dev_eui = device.dev_eui and channel = 0
    left join space on space.id = space_id
    left join zone on zone.id = coalesce(
        space.zone_id, (select counter.zone_id from counter where counter.dev_eui = device.dev_eui order by counter.channel limit 1)
    )
    left join site on site.id = site_id
"""
_STEPS: Final = """
select transition.id, json_build_array(site.name, zone.name, space.name) as place,
    "from" as before, "to" as after, at, transition.cause, transition.id <= published_transition as is_published,
    withdrawn_at is not null as is_withdrawn
from transition join space on space.id = transition.space join zone on zone.id = zone_id join site on site.id = site_id
order by at, transition.id
"""
_WAITING: Final = """
select
    (select count(*) from unnest(%(uplinks)s::uuid[]) as sent (one)
        where not exists (select from uplink where deduplication_id = sent.one)),
    (select count(*) from unnest(%(damaged)s::uuid[]) as sent (one)
        where not exists (select from rejection where deduplication_id = sent.one)),
    (select count(*) from space where version <> published_version)
        + (select count(*) from zone where version <> published_version)
        + (select count(*) from site where version <> published_version)
        + (select count(*) from device where version <> published_version)
        + (select count(*) from transition join space on space.id = transition.space where transition.id > published_transition)
"""


async def read_database(database_url: str) -> DatabaseContents:
    """Read everything in one snapshot."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        # Else Python calls times unequal that lie in the repeated hour of the server's time zone, whatever they are compared with.
        await connection.execute("set timezone to 'UTC'")
        await connection.commit()
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        rows = await (await connection.execute(_ROWS)).fetchall()
        rejections = await (await connection.execute(_REJECTIONS)).fetchall()
        rejected = await (await connection.execute("select count(*) from rejection")).fetchone()
        orders = await (await connection.execute(_ORDERS)).fetchone()
        return DatabaseContents(
            rows=dict(rows),
            rejections=dict(rejections),
            rejected=rejected[0] if rejected else 0,
            orders=orders[0] if orders else 0,
            zones=await (await connection.execute(_ZONES)).fetchall(),
            spaces=await _read(connection, _SPACES, SpaceMessage),
            devices=await _read(connection, _DEVICES, DeviceMessage),
            steps=await _read(connection, _STEPS, TransitionRow),
            counted={
                (site, zone): msgspec.convert(numbers, CountedZone)
                for site, zone, numbers in await (await connection.execute(_COUNTED)).fetchall()
            },
        )


async def read_backlog(connection: psycopg.AsyncConnection[Any], ledger: Ledger) -> Backlog:
    """Compare what the broker confirmed to the ledger with the database."""
    parameters = {
        "uplinks": list(ledger.confirmed),
        "damaged": [one for one in ledger.confirmed if ledger.sent[one].is_damaged],
    }
    (row,) = await (await connection.execute(_WAITING, parameters)).fetchall()
    return Backlog(uplinks=row[0], rejections=row[1], publications=row[2])


def place_of(space: SpaceMessage) -> Place:
    """The names of the space."""
    return Place(space.site, space.zone, space.space)


async def _read(connection: psycopg.AsyncConnection[Any], statement: str, row_type: type[Row]) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement)
        return msgspec.convert(await cursor.fetchall(), list[row_type])  # type: ignore[valid-type] # a type at run time
