"""Queries of `doctor`: whose clocks are wrong, and which devices' frames were refused lately."""

from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui, Reason
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.rows import array_of, listed
from parking_gateway.store.tables import device, rejection, uplink


class RefusedFrames(msgspec.Struct, frozen=True, kw_only=True):
    """The frames of one device that its codec made nothing of."""

    count: int
    detail: str
    """Why the last one was refused."""
    f_port: int | None = None
    data: bytes | None = None
    """Of the last one, where it is still on record."""


class DistrustedClock(msgspec.Struct, frozen=True):
    """A LoRaWAN gateway whose times were not believed; None: the network server, or this machine."""

    receiver: str | None
    uplinks: int
    seconds_ahead: float
    """How wrong the last one was."""


_MOST_CLOCKS: Final = 20
_WRONG_CLOCKS: Final = Statement(
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
        rejection.c.reason.in_(listed("reasons", sa.Text)),
        rejection.c.dev_eui.is_not(None),
    )
    .order_by(rejection.c.dev_eui, rejection.c.received_at.desc(), rejection.c.id.desc())
    .subquery("refused")
)
_REFUSED: Final = Statement(
    sa.select(_OF_DEVICE, uplink.c.f_port, uplink.c.data).select_from(
        _OF_DEVICE.outerjoin(
            uplink,
            sa.and_(
                uplink.c.dev_eui == _OF_DEVICE.c.dev_eui, uplink.c.deduplication_id == _OF_DEVICE.c.deduplication_id
            ),
        )
    )
)


class ServerSettings(msgspec.Struct, frozen=True):
    """What a server does to keep a commit, and the time by its clock."""

    fsync: str
    full_page_writes: str
    synchronous_commit: str
    now: datetime


class Bare(msgspec.Struct, frozen=True):
    """Spaces that no sensor watches."""

    bare: int
    spaces: int
    """All spaces."""
    examples: list[str]
    """`site/zone/space` of the first few."""


_SETTINGS: Final = Statement(
    sa.text(
        "select current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),"
        " clock_timestamp()"
    )
)
_BARE: Final = Statement(
    sa.text(
        """
select
    count(*) filter (where is_bare), count(*),
    coalesce((array_agg(name order by name) filter (where is_bare))[1:3], '{}')
from (
    select
        site.name || '/' || zone.name || '/' || space.name as name,
        not exists (select from installation where installation.space_id = space.id) as is_bare
    from space join zone on zone.id = zone_id join site on site.id = site_id
) as every
"""
    )
)
_HAS_HEARD: Final = Statement(
    sa.text("select exists (select from device where heard_at >= :since)").bindparams(
        sa.bindparam("since", type_=device.c.heard_at.type)
    )
)


_VERSION: Final = Statement(sa.text("show server_version"))


def server_version() -> Query[str]:
    """PostgreSQL's version."""
    return Query(statement=_VERSION, arguments={}, read=lambda rows: rows[0][0])


def server_settings() -> Query[ServerSettings]:
    """The settings of the connected server, and its time."""
    return Query(statement=_SETTINGS, arguments={}, read=lambda rows: ServerSettings(*rows[0]))


def bare_spaces() -> Query[Bare]:
    """The spaces without a sensor."""
    return Query(statement=_BARE, arguments={}, read=lambda rows: Bare(*rows[0]))


def has_heard(*, since: datetime) -> Query[bool]:
    """Whether any device was heard since then."""
    return Query(statement=_HAS_HEARD, arguments={"since": since}, read=lambda rows: bool(rows[0][0]))


def wrong_clocks(*, since: datetime) -> Query[list[DistrustedClock]]:
    """The first few whose times were not believed since then."""
    return asks(_WRONG_CLOCKS, DistrustedClock, {"since": since})


def refused(*, since: datetime) -> Query[dict[DevEui, RefusedFrames]]:
    """The devices whose frames were refused since then."""
    return Query(statement=_REFUSED, arguments={"since": since, "reasons": array_of(_BY_CODEC)}, read=_refused)


def _refused(rows: Rows) -> dict[DevEui, RefusedFrames]:
    return {
        dev_eui: RefusedFrames(count=frames, detail=detail, f_port=f_port, data=data)
        for dev_eui, detail, _, frames, f_port, data in rows
    }
