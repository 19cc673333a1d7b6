"""Floor plans of zones, and the places of spaces on them or on the earth."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.space import SpaceId
from parking_gateway.store.query import Query, Rows, Statement, command, written
from parking_gateway.store.rows import array_of, encode, table_of
from parking_gateway.store.tables import plan, plan_place, site, space, zone

Point = tuple[float, float]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan without its content."""

    digest: str
    width: float
    height: float


class PlanFile(NamedTuple):
    """The content of a plan."""

    media_type: str
    content: bytes


class Position(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a space is: on the earth, on the plan of its zone, or both."""

    lat: float | None = None
    lon: float | None = None
    x: float | None = None
    y: float | None = None


def plans() -> Query[dict[tuple[str, str], Plan]]:
    """All plans, by site and zone."""
    return Query(
        statement=_PLANS,
        arguments={},
        read=lambda rows: {(row[0], row[1]): Plan(digest=row[2], width=row[3], height=row[4]) for row in rows},
    )


def positions(spaces: Collection[SpaceId] | None = None) -> Query[dict[SpaceId, Position]]:
    """The positions of these spaces, or of all, where they are known."""
    if spaces is None:
        return Query(statement=_POSITIONS, arguments={}, read=_positions)
    return Query(statement=_SOME_POSITIONS, arguments={"ids": array_of(list(spaces))}, read=_positions)


def content(*, site: str, zone: str, digest: str) -> Query[PlanFile | None]:
    """The plan of a zone, if it is still that one."""
    return Query(
        statement=_CONTENT,
        arguments={"site": site, "zone": zone, "digest": digest},
        read=lambda rows: PlanFile(rows[0][0], bytes(rows[0][1])) if rows else None,
    )


def replace(zone: int, file: PlanFile, described: Plan, places: Mapping[SpaceId, Point]) -> list[Query[Any]]:
    """Write the plan of a zone in place of an earlier one, with the places of its spaces."""
    # A parameter is text: bytes are hexadecimal there.
    columns = {
        "zone": zone,
        "media_type": file.media_type,
        "content": f"\\x{file.content.hex()}",
        **msgspec.to_builtins(described),
    }
    rows = [{"space_id": key, "x": x, "y": y} for key, (x, y) in places.items()]
    return [*remove(zone), command(_INSERT, columns), command(_PLACE, encode(_PLACES, rows))]


def remove(zone: int) -> list[Query[Any]]:
    """Remove the plan of a zone, and the places of its spaces."""
    return [command(_REMOVE_PLACES, {"zone": zone}), command(_REMOVE, {"zone": zone})]


def spaces_of_zone(zone: int) -> Query[dict[str, SpaceId]]:
    """The spaces of a zone by name."""
    return Query(
        statement=_SPACES, arguments={"zone": zone}, read=lambda rows: {name: SpaceId(key) for name, key in rows}
    )


def _positions(rows: Rows) -> dict[SpaceId, Position]:
    return {SpaceId(row[0]): Position(lat=row[1], lon=row[2], x=row[3], y=row[4]) for row in rows}


_ZONE: Final = sa.bindparam("zone", type_=sa.BigInteger)
_PLANS: Final = Statement(
    sa.select(site.c.name, zone.c.name, plan.c.digest, plan.c.width, plan.c.height).select_from(
        plan.join(zone, zone.c.id == plan.c.zone_id).join(site)
    )
)
_KNOWN: Final = (
    sa.select(space.c.id, space.c.lat, space.c.lon, plan_place.c.x, plan_place.c.y)
    .select_from(space.outerjoin(plan_place, plan_place.c.space_id == space.c.id))
    .where(sa.or_(space.c.lat.is_not(None), plan_place.c.x.is_not(None)))
)
_POSITIONS: Final = Statement(_KNOWN)
_SOME_POSITIONS: Final = written("""
select space.id, space.lat, space.lon, plan_place.x, plan_place.y
from space
left join plan_place on plan_place.space_id = space.id
where space.id in (select unnest(cast(:ids as bigint[]))) and (space.lat is not null or plan_place.x is not null)
""")
_CONTENT: Final = Statement(
    sa.select(plan.c.media_type, plan.c.content)
    .select_from(plan.join(zone, zone.c.id == plan.c.zone_id).join(site))
    .where(
        site.c.name == sa.bindparam("site", type_=sa.Text),
        zone.c.name == sa.bindparam("zone", type_=sa.Text),
        plan.c.digest == sa.bindparam("digest", type_=sa.Text),
    )
)
_INSERT: Final = Statement(
    pg.insert(plan).values(
        zone_id=_ZONE,
        **{one.name: sa.bindparam(one.name, type_=one.type) for one in plan.c if one.name != "zone_id"},
    )
)
_PLACES: Final = table_of(plan_place.c.space_id, plan_place.c.x, plan_place.c.y)
_PLACE: Final = Statement(plan_place.insert().from_select(["space_id", "x", "y"], sa.select(*_PLACES.c)))
_REMOVE_PLACES: Final = Statement(
    plan_place.delete().where(plan_place.c.space_id.in_(sa.select(space.c.id).where(space.c.zone_id == _ZONE)))
)
_REMOVE: Final = Statement(plan.delete().where(plan.c.zone_id == _ZONE))
_SPACES: Final = Statement(sa.select(space.c.name, space.c.id).where(space.c.zone_id == _ZONE).order_by(space.c.id))
