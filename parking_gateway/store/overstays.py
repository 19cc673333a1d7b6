"""Parked cars that may have stayed for too long."""

from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from parking_gateway.core.audience import Audience
from parking_gateway.core.space import SpaceId
from parking_gateway.core.stay_limit import StayLimit
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.tables import TIME


class Parked(msgspec.Struct, frozen=True):
    """A car on a space that has a limit, with the limits of the space and of its zone."""

    space: SpaceId
    since: datetime
    """When the present state began."""
    arrived_at: datetime
    audience: Audience | None
    of_space: int | None
    of_zone: int | None
    limits: list[StayLimit]
    time_zone: ZoneInfo


# The shortest limit alone decides which cars are looked at. Most car parks have no limits, and then no space is.
_LONG: Final = Statement(
    sa.text("""
select
    space.id, space.since, coalesce(space.arrived_at, space.since) as arrived_at, space.audience, space.max_stay, zone.max_stay as zone_max_stay,
    zone.stay_limits::text as stay_limits_text, site.time_zone
from space
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
where
    space.state = 'OCCUPIED' and space.overstay is null
    and coalesce(space.arrived_at, space.since) <= :now - make_interval(
        secs => coalesce(
            space.max_stay,
            least(
                zone.max_stay,
                (select min((one ->> 'seconds')::integer) from jsonb_array_elements(zone.stay_limits) as one)
            )
        )
    )
order by space.id
""").bindparams(sa.bindparam("now", type_=TIME))
)
_decode: Final = msgspec.json.Decoder(list[StayLimit]).decode


def parked_for_long(now: datetime) -> Query[list[Parked]]:
    """Cars that have stayed for at least the shortest limit of their spaces and zones, and are not flagged."""
    return Query(statement=_LONG, arguments={"now": now}, read=_parked)


def _parked(rows: Rows) -> list[Parked]:
    return [
        Parked(
            space,
            since,
            arrived_at,
            None if audience is None else Audience(audience),
            of_space,
            of_zone,
            _limits(limits),
            ZoneInfo(time_zone),
        )
        for space, since, arrived_at, audience, of_space, of_zone, limits, time_zone in rows
    ]


@lru_cache(maxsize=1024)
def _limits(text: str | None) -> list[StayLimit]:
    return [] if text is None else _decode(text)
