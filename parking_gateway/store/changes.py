"""Rows that have changed since a position in the life of the database, whoever changed them: for those who watch.

A position is the number of the oldest transaction that had not ended. Every row has the number of the transaction that wrote
it (xmin), so the rows of later numbers contain every change since then. No index, no trigger and no column of a table is
needed, and a gateway that writes pays nothing. Rows can be read twice: their versions are compared.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.due import Due, DueKind
from parking_gateway.core.space import SpaceId, SpaceState
from parking_gateway.store.due_counts import counts, site_of, zone_of
from parking_gateway.store.due_devices import DEVICES, device_of
from parking_gateway.store.due_rows import ALL_SPACES, Source, space_of
from parking_gateway.store.query import Query, Rows, Statement, written
from parking_gateway.store.tables import device, former_name, site, space, zone

_NUMBERS: Final = 1 << 32
"""Rows have the lower half of the numbers, which come again."""
_IDS_APART: Final = 5000
"""Rows of a log whose ids were given before those of earlier commits: as many as a few gateways commit at the same time."""


class Moment(NamedTuple):
    """Where the database is, and the form of its car park."""

    position: int
    next: int
    """The number of the next transaction."""
    form: str
    """Another one where a site, a zone or a plan was added, renamed or removed."""
    last_step: int
    last_notice: int


class FormerName(NamedTuple):
    """A name that a space had."""

    space: SpaceId
    until: str
    """When it ended, as PostgreSQL writes it; infinity: the space was removed."""
    site: str
    zone: str
    name: str


class Step(NamedTuple):
    """A step of the log, with the names that the space had then, and the names of fields of its message."""

    id: int
    site: str
    zone: str
    space: str
    before: SpaceState
    after: SpaceState
    at: datetime
    cause: str
    corrects: int | None
    withdrawn: bool


class KeptNotice(NamedTuple):
    """A notice as the database keeps it."""

    id: int
    kind: str
    at: datetime
    site: str | None
    zone: str | None
    space: str | None
    dev_eui: str | None
    details: Mapping[str, Any]
    over_at: datetime | None


def moment() -> Query[Moment]:
    """Where the database is now. Queries after this one see all that is not behind it."""
    return Query(statement=_MOMENT, arguments={}, read=lambda rows: Moment(*rows[0]))


def rows(kind: DueKind, *, since: int, limit: int) -> Query[list[Due]]:
    """Rows of a kind that have changed, the newest first, at most so many, without their steps. Scans the table."""
    source = _CHANGED[kind]
    return Query(
        statement=source.statement,
        arguments={"since": since % _NUMBERS, "limit": limit},
        read=lambda found: list(map(source.read, found)),
    )


def steps(*, since: int, last: int, limit: int) -> Query[list[Step]]:
    """Steps that were written or withdrawn since, around and behind the `last` one that was there, the newest first."""
    return _log(_STEPS, Step, since=since, last=last, limit=limit)


def notices(*, since: int, last: int, limit: int) -> Query[list[KeptNotice]]:
    """Notices that were written or ended since, likewise."""
    return _log(_NOTICES, KeptNotice, since=since, last=last, limit=limit)


def newest_steps(*, limit: int) -> Query[list[Step]]:
    """The newest steps that happened, the newest first."""
    return _log(_NEWEST_STEPS, Step, limit=limit)


def newest_notices(*, limit: int) -> Query[list[KeptNotice]]:
    """The newest notices, the newest first."""
    return _log(_NEWEST_NOTICES, KeptNotice, limit=limit)


def gone(*, since: int) -> Query[list[FormerName]]:
    """Names that a space has lost since, because it was renamed or removed. Another space may have them now."""
    return Query(
        statement=_GONE,
        arguments={"since": since % _NUMBERS},
        read=lambda found: [FormerName(*row) for row in found],
    )


def with_problems(*, limit: int) -> Query[list[Due]]:
    """Devices with a problem."""
    return Query(statement=_WITH_PROBLEMS, arguments={"limit": limit}, read=_devices)


def _devices(found: Rows) -> list[Due]:
    return list(map(device_of, found))


def _log(statement: Statement, kind: Any, **arguments: int) -> Query[list[Any]]:
    if "since" in arguments:
        arguments["since"] %= _NUMBERS
    return Query(statement=statement, arguments=arguments, read=lambda found: [kind(*row) for row in found])


_SINCE: Final = sa.bindparam("since", type_=sa.BigInteger)
_LIMIT: Final = sa.bindparam("limit", type_=sa.Integer)


def _distance(table: sa.Table) -> sa.ColumnElement[int]:
    """How many numbers behind that one the row was written."""
    number = sa.cast(sa.cast(sa.literal_column(f"{table.name}.xmin"), sa.Text), sa.BigInteger)
    return (number - _SINCE + _NUMBERS) % _NUMBERS


def _recent(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether the row was written by the transaction of that number, or by one of the two thousand million after it."""
    return _distance(table) < _NUMBERS // 2


def _newest(rows: sa.Select[Any], table: sa.Table) -> Statement:
    """The newest first: while a transaction lasts for hours, all changes since its beginning are read again and again."""
    return Statement(rows.where(_recent(table)).order_by(_distance(table).desc()).limit(_LIMIT))


# The counts of a zone are written after the change of a space, and not while the broker is away. So the spaces count too.
_ZONES: Final = (
    sa.select(zone.c.id)
    .where(_recent(zone))
    .union(sa.select(space.c.zone_id).where(_recent(space)))
    .limit(_LIMIT)
    .scalar_subquery()
)
_SITES: Final = (
    sa.select(site.c.id)
    .where(_recent(site))
    .union(
        sa.select(zone.c.site_id).where(_recent(zone)),
        sa.select(zone.c.site_id).join(space, space.c.zone_id == zone.c.id).where(_recent(space)),
    )
    .limit(_LIMIT)
    .scalar_subquery()
)
_CHANGED: Final = {
    DueKind.SPACE: Source(statement=_newest(ALL_SPACES, space), read=space_of),
    DueKind.DEVICE: Source(statement=_newest(DEVICES, device), read=device_of),
    DueKind.ZONE: Source(statement=counts(_ZONES, zone, site.c.name, zone.c.name), read=zone_of),
    DueKind.SITE: Source(statement=counts(_SITES, site, site.c.name), read=site_of),
}
_WITH_PROBLEMS: Final = Statement(DEVICES.where(device.c.problem.is_not(None)).order_by(device.c.dev_eui).limit(_LIMIT))
_GONE: Final = Statement(
    sa.select(
        former_name.c.space,
        sa.cast(former_name.c.until, sa.Text),
        former_name.c.site,
        former_name.c.zone,
        former_name.c.name,
    ).where(
        _recent(former_name),
        ~sa.exists()
        .select_from(space.join(zone).join(site))
        .where(
            space.c.id == former_name.c.space,
            site.c.name == former_name.c.site,
            zone.c.name == former_name.c.zone,
            space.c.name == former_name.c.name,
        ),
    )
)
_MOMENT: Final = written("""
select
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
    (
        select md5(coalesce(string_agg(concat_ws('/', site.name, zone.name, plan.xmin::text), ' ' order by site.id, zone.id), ''))
        from site
        left join zone on zone.site_id = site.id
        left join plan on plan.zone_id = zone.id
    ),
    (select coalesce(max(id), 0) from transition), (select coalesce(max(id), 0) from notice)
""")
_STEP: Final = """
select
    step.id, named.site, named.zone, named.name, step."from", step."to", step.at, step.cause, step.corrects,
    step.withdrawn_at is not null
from ({log}) as step
join space_name as named on named.space = step.space and named.since <= step.at and step.at < named.until
order by step.id desc
"""
_NOTICE: Final = "select id, kind, at, site, zone, space, dev_eui, details, over_at from notice"
_BEHIND: Final = f"""
id > :last - {_IDS_APART} and (xmin::text::bigint - :since + {_NUMBERS}) % {_NUMBERS} < {_NUMBERS // 2}
order by id desc
limit :limit
"""
_TYPES: Final = {"since": sa.BigInteger, "last": sa.BigInteger, "limit": sa.Integer}
_STEPS: Final = written(_STEP.format(log=f"select * from transition where {_BEHIND}"), **_TYPES)
_NEWEST_STEPS: Final = written(
    _STEP.format(log="select * from transition where withdrawn_at is null order by id desc limit :limit"),
    limit=sa.Integer,
)
_NOTICES: Final = written(f"{_NOTICE} where {_BEHIND}", **_TYPES)
_NEWEST_NOTICES: Final = written(f"{_NOTICE} order by id desc limit :limit", limit=sa.Integer)
