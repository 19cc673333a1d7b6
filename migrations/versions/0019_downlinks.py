"""Downlinks and indicators; the id of a device's application, which the topic of its downlinks contains.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("alter table device add column application_id text, add column downlink jsonb")
    op.execute("""
create table downlink (
    id uuid primary key,
    dev_eui text collate "C" not null references device,
    purpose text not null,
    f_port smallint not null,
    data bytea not null,
    is_confirmed boolean not null,
    by text not null,
    wished_at timestamptz not null,
    answer_within double precision not null,
    expires_at timestamptz,
    state text not null,
    attempts integer not null,
    next_at timestamptz,
    sent_at timestamptz,
    transmitted_at timestamptz,
    gateway text,
    taken_at timestamptz,
    not_before timestamptz,
    has_failed boolean not null,
    detail text,
    constraint downlink_state
        check (state in ('wished', 'queued', 'transmitted', 'acknowledged', 'replaced', 'failed', 'expired'))
)""")
    op.execute("create index downlink_dev_eui_idx on downlink (dev_eui)")
    op.execute("create index downlink_next_at_idx on downlink (next_at) where next_at is not null")
    op.execute("create index downlink_sent_at_idx on downlink (sent_at)")
    op.execute("""
create table indicator (
    dev_eui text collate "C" primary key references device,
    model text not null,
    buffer integer not null default 0,
    hysteresis integer not null default 0,
    is_full boolean not null default false,
    seen bigint[],
    seen_model text,
    constraint indicator_numbers check (buffer >= 0 and hysteresis >= 0)
)""")
    op.execute("""
create table indicator_place (
    id bigint generated always as identity primary key,
    dev_eui text collate "C" not null references indicator on delete cascade,
    site_id bigint references site on delete cascade,
    zone_id bigint references zone on delete cascade,
    space_id bigint references space on delete cascade,
    constraint indicator_place_one check (num_nonnulls(site_id, zone_id, space_id) = 1)
)""")
    op.execute("create index indicator_place_dev_eui_idx on indicator_place (dev_eui)")
    for place in ("site", "zone", "space"):
        op.execute(
            f"create index indicator_place_{place}_id_idx on indicator_place ({place}_id) where {place}_id is not null"
        )


def downgrade() -> None:
    for table in ("indicator_place", "indicator", "downlink"):
        op.execute(f"drop table {table}")
    op.execute("alter table device drop column application_id, drop column downlink")
