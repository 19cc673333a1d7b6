"""Pages of the past: stays that have ended, and the cars that came and left. A page is a part of a time range.

The index of the ends of stays holds a few bytes for a thousand rows. It serves a range of time, and no order: so the caller asks
for a short range first.
"""

from datetime import datetime
from typing import Final

import msgspec
import sqlalchemy as sa

from parking_gateway.core.overview import EndedStay, Passage, Position
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.tables import TIME


class WantedStays(msgspec.Struct, frozen=True, kw_only=True):
    """Which stays are wanted, by the names that the space had when the car came. None: that does not matter."""

    site: str | None = None
    zone: str | None = None
    space: str | None = None


_HAD_THE_NAMES: Final = """exists (
    select from space_name as named
    where named.space = past_stay.space and named.since <= past_stay.arrived_at and past_stay.arrived_at < named.until
        and (cast(:site as text) is null or named.site = cast(:site as text))
        and (cast(:zone as text) is null or named.zone = cast(:zone as text))
        and (cast(:space as text) is null or named.name = cast(:space as text))
)"""
_OF_ONE_SPACE: Final = """past_stay.space in (
    select named.space from space_name as named
    where named.site = cast(:site as text) and named.zone = cast(:zone as text) and named.name = cast(:space as text)
)"""


def _stays(*conditions: str) -> Statement:
    more = "".join(f"\n        and {one}" for one in conditions)
    sql = f"""
select
    stay.id, named.site, named.zone, named.name, stay.arrived_at, stay.departed_at, stay.overstay, stay.reservation
from (
    select id, space, arrived_at, departed_at, overstay, reservation
    from past_stay
    where withdrawn_at is null and departed_at >= :since and departed_at < :until
        and (departed_at, id) > (:since, cast(:after_id as bigint)){more}
    order by departed_at, id
    limit cast(:limit as bigint)
) as stay
join space_name as named on
    named.space = stay.space and named.since <= stay.arrived_at and stay.arrived_at < named.until
order by stay.departed_at, stay.id
"""
    return Statement(sa.text(sql).bindparams(sa.bindparam("since", type_=TIME), sa.bindparam("until", type_=TIME)))


_ALL: Final = _stays()
_NAMED: Final = _stays(_HAD_THE_NAMES)
# The key of a stay begins with its space, so the stays of one space are found without those of the others.
_OF_A_SPACE: Final = _stays(_OF_ONE_SPACE, _HAD_THE_NAMES)

_PASSAGES: Final = Statement(
    sa.text("""
select
    passage.kind, passage.at, passage.arrived_at, space.id, zone.id, site.name, zone.name, space.name, space.lat, space.lon,
    (
        select installation.dev_eui from installation where installation.space_id = space.id
        order by installation.dev_eui limit 1
    ) as dev_eui
from (
    select space, 'departure' as kind, departed_at as at, arrived_at
    from past_stay
    where withdrawn_at is null and departed_at >= :since and departed_at < :until
    union all
    select space, 'arrival', arrived_at, arrived_at
    from past_stay
    where withdrawn_at is null and departed_at is not null and arrived_at >= :since and arrived_at < :until
    union all
    select id, 'arrival', arrived_at, arrived_at
    from space
    where arrived_at >= :since and arrived_at < :until
) as passage
join space on space.id = passage.space and space.lat is not null
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
where cast(:site as text) is null or site.name = cast(:site as text)
order by passage.at desc, space.id, passage.kind
""").bindparams(sa.bindparam("since", type_=TIME), sa.bindparam("until", type_=TIME))
)


def stays(
    wanted: WantedStays, *, since: datetime, after_id: int = -1, until: datetime, limit: int
) -> Query[list[EndedStay]]:
    """The first `limit` stays that ended in this time, by their ends; of those that ended at `since`, the ones behind `after_id`."""
    names = msgspec.structs.asdict(wanted)
    given = sum(value is not None for value in names.values())
    bounds = {"since": since, "after_id": after_id, "until": until, "limit": limit}
    if given == 0:
        return asks(_ALL, _stay, bounds)
    return asks(_OF_A_SPACE if given == len(names) else _NAMED, _stay, names | bounds)


def passages(*, since: datetime, until: datetime, site: str | None = None) -> Query[list[Passage]]:
    """The cars that came and left in this time, on spaces with a position, the newest first."""
    return Query(statement=_PASSAGES, arguments={"since": since, "until": until, "site": site}, read=_passages)


def _stay(
    key: int, site: str, zone: str, space: str, arrived_at: datetime, departed_at: datetime, *rest: object
) -> EndedStay:
    overstay, reservation = rest
    return EndedStay(
        id=key,
        site=site,
        zone=zone,
        space=space,
        arrived_at=arrived_at,
        departed_at=departed_at,
        is_overstay=bool(overstay),
        reservation=None if reservation is None else str(reservation),
    )


def _passages(rows: Rows) -> list[Passage]:
    found = []
    for kind, at, arrived_at, space_id, zone_id, site, zone, space, lat, lon, dev_eui in rows:
        found.append(
            Passage(
                kind=kind,
                at=at,
                arrived_at=arrived_at,
                space_id=space_id,
                zone_id=zone_id,
                site=site,
                zone=zone,
                space=space,
                position=Position(lat, lon),
                dev_eui=dev_eui,
            )
        )
    return found
