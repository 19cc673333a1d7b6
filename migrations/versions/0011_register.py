"""Spaces can be renamed and removed, and have attributes. The log keeps the steps of removed spaces.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("alter table transition drop constraint transition_space_fkey")
    op.execute("""
create table former_name (
    space bigint not null,
    until timestamptz not null,
    since timestamptz not null,
    site text not null,
    zone text not null,
    name text not null,
    primary key (space, until)
)""")
    op.execute("alter table site add column time_zone text not null default 'UTC'")
    op.execute("""
alter table zone
    add column max_stay integer,
    add column stay_limits jsonb,
    add constraint zone_max_stay check (max_stay > 0)
""")
    op.execute("""
alter table space
    add column overstay text,
    add column audience text,
    add column purpose text,
    add column lat double precision,
    add column lon double precision,
    add column max_stay integer,
    add column tags text[] not null default '{}',
    add constraint space_overstay check (
        overstay is null or overstay in ('exceeded', 'acknowledged') and state = 'OCCUPIED'
    ),
    add constraint space_audience check (
        audience in (
            'disabled', 'ev', 'family', 'women', 'carsharing', 'taxi', 'delivery', 'resident', 'staff', 'motorcycle', 'bus'
        )
    ),
    add constraint space_position check ((lat is null) = (lon is null)),
    add constraint space_lat check (lat between -90 and 90),
    add constraint space_lon check (lon between -180 and 180),
    add constraint space_max_stay check (max_stay > 0)
""")
    op.execute("""
create view space_name as
select space, site, zone, name, since, until from former_name
union all
select
    space.id,
    site.name,
    zone.name,
    space.name,
    coalesce((select max(former_name.until) from former_name where former_name.space = space.id), '-infinity'),
    'infinity'
from space
join zone on zone.id = space.zone_id
join site on site.id = zone.site_id
""")
    comments = {
        "view space_name": "Every name that a space has or had. A time belongs to the row with since <= time and time < until.",
        "column space_name.space": "The id of the space, as in transition.space. A removed space has former names only.",
        "column space_name.since": "From when on; -infinity: from the beginning.",
        "column space_name.until": "Up to, and not including; infinity: the present name, or the last one of a removed space.",
    }
    for what, comment in comments.items():
        op.execute(f"comment on {what} is '{comment}'")


def downgrade() -> None:
    op.execute("drop view space_name")
    op.execute("drop table former_name")
    op.execute("""
alter table space
    drop column overstay,
    drop column audience,
    drop column purpose,
    drop column lat,
    drop column lon,
    drop column max_stay,
    drop column tags
""")
    op.execute("alter table zone drop column max_stay, drop column stay_limits")
    op.execute("alter table site drop column time_zone")
    # The earlier schema has no log of removed spaces.
    op.execute("delete from transition where not exists (select from space where space.id = transition.space)")
    op.execute("""
alter table transition add constraint transition_space_fkey foreign key (space) references space (id)
""")
