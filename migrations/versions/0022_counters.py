"""Zones without sensors in their spaces are counted at their entries and exits.

Revision ID: 0022
"""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("""
alter table zone
    add column capacity integer,
    add column count integer not null default 0,
    add column counted_since timestamptz not null default now(),
    add column drift integer not null default 0,
    add column resets_at text,
    add constraint zone_capacity check (capacity >= 0),
    add constraint zone_count check (count >= 0),
    add constraint zone_resets_at check (resets_at ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$')
""")
    op.execute("""
create table counter (
    dev_eui text collate "C" not null,
    channel integer not null default 0,
    zone_id bigint not null,
    direction text not null,
    codec text,
    options jsonb not null default '{}',
    tracks jsonb,
    primary key (dev_eui, channel),
    constraint counter_zone_id_fkey foreign key (zone_id) references zone (id) on delete cascade,
    constraint counter_direction check (direction in ('in', 'out', 'both'))
)""")
    op.execute("create index counter_zone_id_idx on counter (zone_id)")


def downgrade() -> None:
    op.execute("drop table counter")
    op.execute("""
alter table zone
    drop column capacity,
    drop column count,
    drop column drift,
    drop column counted_since,
    drop column resets_at
""")
