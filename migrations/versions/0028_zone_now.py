"""A view of the zones as they are now, with the zones that are counted at their entries and exits.

Revision ID: 0028
"""

from alembic import op

revision = "0028"
down_revision = "0027"

COMMENTS = {
    "": "What each zone is now, with the numbers that it publishes.",
    "site": "The name of the site.",
    "zone": "The name of the zone.",
    "total": "Its spaces; of a counted zone, its capacity.",
    "free": "Free spaces.",
    "occupied": "Spaces with a car; of a counted zone, the cars in it.",
    "reserved": "Reserved spaces.",
    "maintenance": "Spaces out of service.",
    "unreachable": "Spaces whose sensor is not heard. They count under their state too.",
    "occupancy": "occupied as a part of total: 0 to 1.",
    "source": "counter if counters at its entries and exits count its cars. Null: its spaces do.",
}


def upgrade() -> None:
    op.execute("""
create view zone_now as
select
    site, zone, total, free, occupied, reserved, maintenance, unreachable,
    case when total = 0 then 0 else occupied::double precision / total end as occupancy, source
from (
    select
        site.name as site, zone.name as zone,
        case when zone.capacity is null then spaces.total else zone.capacity end as total,
        case when zone.capacity is null then spaces.free else zone.capacity - least(zone.count, zone.capacity) end as free,
        case when zone.capacity is null then spaces.occupied else least(zone.count, zone.capacity) end as occupied,
        case when zone.capacity is null then spaces.reserved else 0 end as reserved,
        case when zone.capacity is null then spaces.maintenance else 0 end as maintenance,
        case when zone.capacity is null then spaces.unreachable else 0 end as unreachable,
        case when zone.capacity is not null then 'counter' end as source
    from zone
    join site on site.id = zone.site_id
    cross join lateral (
        select
            count(*) as total,
            count(*) filter (where state = 'FREE') as free,
            count(*) filter (where state = 'OCCUPIED') as occupied,
            count(*) filter (where state = 'RESERVED') as reserved,
            count(*) filter (where state = 'MAINTENANCE') as maintenance,
            count(*) filter (where contact <> 'live') as unreachable
        from space
        where space.zone_id = zone.id
    ) as spaces
) as counted
""")
    for column, comment in COMMENTS.items():
        what = f"column zone_now.{column}" if column else "view zone_now"
        op.execute(f"comment on {what} is '{comment}'")


def downgrade() -> None:
    op.execute("drop view zone_now")
