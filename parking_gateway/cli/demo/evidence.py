"""What the audit looks at: the database as it is, and the broker as a new subscriber finds it.

With statements and a client of its own: an auditor does not ask the books by the hand that keeps them.
"""

import asyncio
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import aiomqtt
import msgspec
import psycopg
from psycopg.rows import dict_row

from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.publisher import connected
from parking_gateway.contract.messages import DeviceMessage, SpaceMessage
from parking_gateway.core.space import SpaceState
from parking_gateway.register.entries import Place

Row = TypeVar("Row", SpaceMessage, DeviceMessage, "Step")

_SUBSCRIBER_SECONDS: Final = 30


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log."""

    id: int
    place: Place
    before: SpaceState
    after: SpaceState
    at: datetime
    cause: str
    is_published: bool


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """The database at one instant."""

    rows: dict[UUID, int]
    """How many rows each uplink has, by deduplication id."""
    rejections: dict[UUID, int]
    """The same for rejections of uplinks."""
    rejected: int
    """Rejections in all, with those of messages that were no uplink."""
    zones: list[tuple[str, str]]
    """Site and zone, with those that have no space."""
    spaces: list[SpaceMessage]
    devices: list[DeviceMessage]
    steps: list[Step]
    """In their order."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway still has to do."""

    uplinks: int
    rejections: int
    publications: int

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left."""
        return not (self.uplinks or self.rejections or self.publications)


_ROWS: Final = "select deduplication_id, count(*) from uplink group by 1"
_REJECTIONS: Final = "select deduplication_id, count(*) from rejection where deduplication_id is not null group by 1"
_ZONES: Final = "select site.name, zone.name from zone join site on site.id = site_id"
_SPACES: Final = """
select site.name as site, zone.name as zone, space.name as space, state, since, previous, contact, reserved_until,
    coalesce(occupancy, 'unknown') as occupancy, reservation, maintenance_reason, battery_percent, space.version,
    cause, updated_at as updated
from space join zone on zone.id = zone_id join site on site.id = site_id
"""
_DEVICES: Final = """
select device.dev_eui, device.name, device.contact, device.heard_at as last_heard, device.battery_percent,
    battery_volts, rssi, snr, device.codec, device.problem, site.name as site, zone.name as zone, space.name as space
from device
    left join installation on installation.dev_eui = device.dev_eui and channel = 0
    left join space on space.id = space_id left join zone on zone.id = zone_id left join site on site.id = site_id
"""
_STEPS: Final = """
select transition.id, json_build_array(site.name, zone.name, space.name) as place,
    "from" as before, "to" as after, at, transition.cause, transition.id <= published_transition as is_published
from transition join space on space.id = transition.space join zone on zone.id = zone_id join site on site.id = site_id
order by transition.id
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


async def read_books(database_url: str) -> Books:
    """All that the audit needs of the database, as one snapshot."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        rows = await (await connection.execute(_ROWS)).fetchall()
        rejections = await (await connection.execute(_REJECTIONS)).fetchall()
        rejected = await (await connection.execute("select count(*) from rejection")).fetchone()
        return Books(
            rows=dict(rows),
            rejections=dict(rejections),
            rejected=rejected[0] if rejected else 0,
            zones=await (await connection.execute(_ZONES)).fetchall(),
            spaces=await _read(connection, _SPACES, SpaceMessage),
            devices=await _read(connection, _DEVICES, DeviceMessage),
            steps=await _read(connection, _STEPS, Step),
        )


async def read_waiting(connection: psycopg.AsyncConnection[Any], ledger: Ledger) -> Waiting:
    """How far the gateway is behind what the broker confirmed to the ledger."""
    parameters = {
        "uplinks": list(ledger.confirmed),
        "damaged": [one for one in ledger.confirmed if ledger.sent[one].is_damaged],
    }
    (row,) = await (await connection.execute(_WAITING, parameters)).fetchall()
    return Waiting(uplinks=row[0], rejections=row[1], publications=row[2])


async def read_retained(broker_url: str, root: str) -> dict[str, bytes]:
    """Every retained message at and below `root`, by topic. Raises TimeoutError when the broker does not finish."""
    end = f"audit/{uuid4()}"
    found: dict[str, bytes] = {}
    async with asyncio.timeout(_SUBSCRIBER_SECONDS), connected(broker_url) as client:
        await client.subscribe([(f"{root}/#", 1), (end, 1)])
        # What is retained comes first, so this one says that there is no more.
        await client.publish(end, b"", qos=1)
        async for message in client.messages:
            topic = message.topic.value
            if topic == end:
                return found
            if message.retain:
                found[topic] = _bytes(message)
    raise AssertionError("the client's messages end with an exception only")


async def _read(connection: psycopg.AsyncConnection[Any], statement: str, kind: type[Row]) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement)
        return msgspec.convert(await cursor.fetchall(), list[kind])  # type: ignore[valid-type] # a type at run time


def _bytes(message: aiomqtt.Message) -> bytes:
    return message.payload if isinstance(message.payload, bytes) else b""
