"""Installations that are observed before they decide their spaces, and what people have seen there.

Revision ID: 0033
"""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.execute("""
alter table installation
    add column observe integer,
    add column observe_left integer,
    add constraint installation_observe check (observe > 0 or observe = -1),
    add constraint installation_observe_left check (observe_left > 0 or observe_left = -1)
""")
    op.execute("""
create table observed (
    dev_eui text collate "C" not null,
    deduplication_id uuid not null,
    channel integer not null,
    space bigint not null,
    at timestamptz not null,
    occupancy text,
    codec text,
    primary key (dev_eui, deduplication_id, channel),
    constraint observed_occupancy check (occupancy in ('vacant', 'occupied'))
)""")
    op.execute("create index observed_space_at_idx on observed (space, at)")
    op.execute("""
create table truth (
    space_id bigint not null references space on delete cascade,
    at timestamptz not null,
    is_occupied boolean not null,
    primary key (space_id, at)
)""")


def downgrade() -> None:
    op.execute("drop table observed, truth")
    op.execute("alter table installation drop column observe, drop column observe_left")
