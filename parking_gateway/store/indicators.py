"""Indicators: which places each shows, and the spaces of those whose places have changed, counted by state."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import DevEui
from parking_gateway.core.indicator import Shown, Sign
from parking_gateway.store.query import Query, Statement, asks, command
from parking_gateway.store.rows import array_of, encode, json_of, table_of
from parking_gateway.store.tables import device, indicator, indicator_place, site, space, zone

AT_ONCE: Final = 1000
"""Indicators of one transaction. The next round takes the others."""


class Changed(msgspec.Struct, frozen=True):
    """An indicator with a place that has changed since it was looked at, and its spaces as they are now."""

    dev_eui: DevEui
    model: str
    sign: Sign
    seen: list[int]
    """The versions of its places, to be written once the wish is."""
    shown: Shown


class ListedIndicator(msgspec.Struct, frozen=True):
    """An indicator, as people list it."""

    dev_eui: DevEui
    name: str
    model: str
    places: list[str]
    """`site`, `site/zone` or `site/zone/space`."""
    buffer: int
    hysteresis: int
    state: str | None
    """How far its last downlink has come. None: nothing was wished yet."""


# The versions of places grow with every change of their spaces, so that spaces are counted only then. The spaces of a zone that
# is counted at its entries and exits do not count, because its counter has the cars.
_CHANGED: Final = Statement(
    sa.text(f"""
with changed as (
    select indicator.dev_eui, indicator.model, indicator.buffer, indicator.hysteresis, indicator.is_full, place.versions
    from indicator
    cross join lateral (
        select array_agg(coalesce(space.version, zone.version, site.version) order by indicator_place.id) as versions
        from indicator_place
        left join site on site.id = indicator_place.site_id
        left join zone on zone.id = indicator_place.zone_id
        left join space on space.id = indicator_place.space_id
        where indicator_place.dev_eui = indicator.dev_eui
    ) as place
    where
        place.versions is not null
        and (
            place.versions is distinct from indicator.seen
            or cast(:digests as jsonb) ->> indicator.model is distinct from indicator.seen_model
        )
    order by indicator.dev_eui
    limit {AT_ONCE}
), shown as (
    select changed.dev_eui, indicator_place.space_id
    from changed
    join indicator_place on indicator_place.dev_eui = changed.dev_eui
    where indicator_place.space_id is not null
    union
    select changed.dev_eui, space.id
    from changed
    join indicator_place on indicator_place.dev_eui = changed.dev_eui
    join zone on zone.id = indicator_place.zone_id or zone.site_id = indicator_place.site_id
    join space on space.zone_id = zone.id
    where zone.capacity is null
), counted as (
    select dev_eui, sum(capacity)::bigint as capacity, sum(cars)::bigint as cars
    from (
        select distinct changed.dev_eui, zone.id, zone.capacity, least(zone.count, zone.capacity) as cars
        from changed
        join indicator_place on indicator_place.dev_eui = changed.dev_eui
        join zone on zone.id = indicator_place.zone_id or zone.site_id = indicator_place.site_id
        where zone.capacity is not null
    ) as zones
    group by dev_eui
)
select
    changed.dev_eui, changed.model, changed.buffer, changed.hysteresis, changed.is_full, changed.versions as seen,
    count(*) filter (where space.state = 'FREE') + coalesce(counted.capacity - counted.cars, 0) as free,
    count(*) filter (where space.state = 'OCCUPIED') + coalesce(counted.cars, 0) as occupied,
    count(*) filter (where space.state = 'RESERVED') as reserved,
    count(*) filter (where space.state = 'MAINTENANCE') as maintenance
from changed
left join shown on shown.dev_eui = changed.dev_eui
left join space on space.id = shown.space_id
left join counted on counted.dev_eui = changed.dev_eui
group by
    changed.dev_eui, changed.model, changed.buffer, changed.hysteresis, changed.is_full, changed.versions,
    counted.capacity, counted.cars
order by changed.dev_eui
""").bindparams(sa.bindparam("digests", type_=sa.Text))
)
_SEE: Final = Statement(
    sa.text("""
update indicator
set is_full = batch.is_full, seen = cast(batch.seen as bigint[]), seen_model = cast(:digests as jsonb) ->> indicator.model
from unnest(cast(:dev_eui as text[]), cast(:is_full as boolean[]), cast(:seen as text[])) as batch (dev_eui, is_full, seen)
where indicator.dev_eui = batch.dev_eui
""").bindparams(*(sa.bindparam(name, type_=sa.Text) for name in ("dev_eui", "is_full", "seen", "digests")))
)

_DEV_EUI: Final = sa.bindparam("dev_eui", type_=sa.Text)


def _add() -> pg.Insert:
    columns = [indicator.c[name] for name in ("dev_eui", "model", "buffer", "hysteresis")]
    given = (sa.bindparam(column.name, type_=column.type) for column in columns)
    insert = pg.insert(indicator).from_select(columns, sa.select(*given))
    changing = {name: insert.excluded[name] for name in ("model", "buffer", "hysteresis")}
    # Looked at anew, and not full before it has counted.
    return insert.on_conflict_do_update(
        index_elements=[indicator.c.dev_eui], set_=changing | {"seen": sa.null(), "is_full": sa.false()}
    )


_ADD: Final = Statement(_add())
_ADD_DEVICE: Final = Statement(
    pg.insert(device).from_select([device.c.dev_eui], sa.select(_DEV_EUI)).on_conflict_do_nothing()
)
_CLEAR: Final = Statement(indicator_place.delete().where(indicator_place.c.dev_eui == _DEV_EUI))
_PLACES: Final = table_of(*(indicator_place.c[name] for name in ("dev_eui", "site_id", "zone_id", "space_id")))
_ADD_PLACES: Final = Statement(
    pg.insert(indicator_place).from_select([column.name for column in _PLACES.c], sa.select(*_PLACES.c))
)
_REMOVE: Final = Statement(indicator.delete().where(indicator.c.dev_eui == _DEV_EUI).returning(indicator.c.dev_eui))
_LIST: Final = Statement(
    sa.text("""
select
    indicator.dev_eui, device.name, indicator.model,
    coalesce(
        array_agg(
            concat_ws('/', coalesce(site.name, site_of_zone.name), zone.name, space.name)
            order by indicator_place.id
        ) filter (where indicator_place.id is not null),
        '{}'
    ) as places,
    indicator.buffer, indicator.hysteresis, device.downlink ->> 'state' as state
from indicator
join device on device.dev_eui = indicator.dev_eui
left join indicator_place on indicator_place.dev_eui = indicator.dev_eui
left join space on space.id = indicator_place.space_id
left join zone on zone.id = coalesce(indicator_place.zone_id, space.zone_id)
left join site on site.id = indicator_place.site_id
left join site as site_of_zone on site_of_zone.id = zone.site_id
group by indicator.dev_eui, device.name, device.downlink, indicator.model, indicator.buffer, indicator.hysteresis
order by indicator.dev_eui
""")
)
_KINDS: Final = ("site", "zone", "space")
_PLACE_ID: Final = Statement(
    sa.select(site.c.id, zone.c.id, space.c.id)
    .select_from(site.outerjoin(zone).outerjoin(space))
    .where(
        *(
            sa.or_(given.is_(None), table.c.name == given)
            for table, given in ((one, sa.bindparam(one.name, type_=sa.Text)) for one in (site, zone, space))
        )
    )
    .limit(1)
)


def changed(digests: Mapping[str, str]) -> Query[list[Changed]]:
    """Indicators with a place or a model that has changed, in order. Spaces are counted for these alone."""
    return Query(
        statement=_CHANGED,
        arguments={"digests": json_of(digests)},
        read=lambda rows: [_changed(*row) for row in rows],
    )


def look_at(changed: Iterable[Changed], is_full: Mapping[DevEui, bool], digests: Mapping[str, str]) -> Query[None]:
    """Note that these were looked at with these models, and which of them show "full"."""
    changed = list(changed)
    return command(
        _SEE,
        {
            "digests": json_of(digests),
            "dev_eui": array_of([one.dev_eui for one in changed]),
            "is_full": array_of([is_full.get(one.dev_eui, one.sign.is_full) for one in changed]),
            "seen": array_of([array_of(one.seen) for one in changed]),
        },
    )


def add(
    dev_eui: DevEui, *, model: str, buffer: int, hysteresis: int, places: Iterable[Mapping[str, int]]
) -> list[Query[None]]:
    """Make the device an indicator of these places: each is `site_id`, `zone_id` or `space_id`."""
    rows = [{"dev_eui": dev_eui, **place} for place in places]
    given = {"dev_eui": dev_eui}
    return [
        command(_ADD_DEVICE, given),
        command(_ADD, given | {"model": model, "buffer": buffer, "hysteresis": hysteresis}),
        command(_CLEAR, given),
        command(_ADD_PLACES, encode(_PLACES, rows)),
    ]


def remove(dev_eui: DevEui) -> Query[bool]:
    """Let the device be no indicator any more. It keeps its last picture. The answer is whether it was one."""
    return Query(statement=_REMOVE, arguments={"dev_eui": dev_eui}, read=bool)


def place_id(names: Sequence[str]) -> Query[dict[str, int]]:
    """The id of the place of these names, as `add` takes it: site, site and zone, or site, zone and space. It exists."""
    site_name, zone_name, space_name = (*names, None, None)[:3]
    return Query(
        statement=_PLACE_ID,
        arguments={"site": site_name, "zone": zone_name, "space": space_name},
        read=lambda rows: {f"{_KINDS[len(names) - 1]}_id": rows[0][len(names) - 1]},
    )


def listed() -> Query[list[ListedIndicator]]:
    """All indicators, by DevEUI."""
    return asks(_LIST, ListedIndicator)


def _changed(*row: Any) -> Changed:
    dev_eui, model, buffer, hysteresis, is_full, seen, free, occupied, reserved, maintenance = row
    return Changed(
        DevEui(dev_eui),
        model,
        Sign(buffer=buffer, hysteresis=hysteresis, is_full=is_full),
        seen,
        Shown(free=free, occupied=occupied, reserved=reserved, maintenance=maintenance),
    )
