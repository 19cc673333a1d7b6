"""What `doctor` asks: whether the database can be used, whose clocks are wrong, and which devices' frames were refused lately."""

from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui, Reason
from parking_gateway.store import schema
from parking_gateway.store.database import Connection, Database
from parking_gateway.store.tables import rejection, uplink
from parking_gateway.store.verdicts import FAILURES, answer_of


class RefusedFrames(msgspec.Struct, frozen=True, kw_only=True):
    """The frames of one device that its codec made nothing of."""

    count: int
    detail: str
    """Why the last one was refused."""
    f_port: int | None = None
    data: bytes | None = None
    """Of the last one, where it is still on record."""


class DistrustedClock(msgspec.Struct, frozen=True, kw_only=True):
    """A LoRaWAN gateway whose times were not believed; None: the network server, or this machine."""

    receiver: str | None
    uplinks: int
    seconds_ahead: float
    """How wrong the last one was."""


_MOST_CLOCKS: Final = 20
_WRONG_CLOCKS: Final = (
    sa.select(
        uplink.c.claimed_by,
        sa.func.count().over(partition_by=uplink.c.claimed_by).label("uplinks"),
        sa.cast(sa.extract("epoch", uplink.c.claimed_at - uplink.c.heard_at), sa.Double).label("seconds_ahead"),
    )
    .ext(pg.distinct_on(uplink.c.claimed_by))
    .where(
        uplink.c.claimed_at.is_not(None), uplink.c.received_at >= sa.bindparam("since", type_=uplink.c.received_at.type)
    )
    .order_by(uplink.c.claimed_by, uplink.c.received_at.desc(), uplink.c.time.desc())
    .limit(_MOST_CLOCKS)
)

_BY_CODEC: Final = (Reason.UNDECODABLE, Reason.CODEC_FAILED)
_OF_DEVICE: Final = (
    sa.select(
        rejection.c.dev_eui,
        rejection.c.detail,
        rejection.c.deduplication_id,
        sa.func.count().over(partition_by=rejection.c.dev_eui).label("frames"),
    )
    .ext(pg.distinct_on(rejection.c.dev_eui))
    .where(
        rejection.c.received_at >= sa.bindparam("since", type_=rejection.c.received_at.type),
        rejection.c.reason.in_(_BY_CODEC),
        rejection.c.dev_eui.is_not(None),
    )
    .order_by(rejection.c.dev_eui, rejection.c.received_at.desc(), rejection.c.id.desc())
    .subquery("refused")
)
_REFUSED: Final = sa.select(_OF_DEVICE, uplink.c.f_port, uplink.c.data).select_from(
    _OF_DEVICE.outerjoin(
        uplink,
        sa.and_(uplink.c.dev_eui == _OF_DEVICE.c.dev_eui, uplink.c.deduplication_id == _OF_DEVICE.c.deduplication_id),
    )
)


async def complaint(database: Database) -> str | None:
    """Why the database cannot be used, or None."""
    try:
        async with database.connect() as connection:
            await schema.require_current(connection)
    except schema.SchemaMismatch as mismatch:
        return str(mismatch)
    except FAILURES as error:
        return answer_of(error).sentence
    return None


async def wrong_clocks(database: Database, *, since: datetime) -> list[DistrustedClock] | str:
    """Whose times were not believed since then: the first few. Text: why nobody can tell, such as a table that is locked."""
    try:
        async with database.connect() as connection:
            found = (await connection.execute(_WRONG_CLOCKS, {"since": since})).all()
    except FAILURES as error:
        return answer_of(error).sentence
    return [
        DistrustedClock(receiver=row.claimed_by, uplinks=row.uplinks, seconds_ahead=row.seconds_ahead) for row in found
    ]


async def refused(connection: Connection, *, since: datetime) -> dict[DevEui, RefusedFrames]:
    """The devices whose frames were refused since then."""
    found = await connection.execute(_REFUSED, {"since": since})
    return {
        DevEui(row.dev_eui): RefusedFrames(count=row.frames, detail=row.detail, f_port=row.f_port, data=row.data)
        for row in found
    }
