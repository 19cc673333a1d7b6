"""Which uplinks are missing by their frame counters, and until when a gateway has watched.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("""
create table lost (
    dev_eui text collate "C" not null,
    dev_addr text collate "C" not null,
    at timestamptz not null,
    first bigint not null,
    last bigint not null,
    found_at timestamptz not null,
    primary key (dev_eui, dev_addr, at, first),
    constraint lost_order check (first <= last)
)""")
    op.execute("alter table device add column uplinks_lost bigint not null default 0")
    op.execute("alter table gateway add column watched_at timestamptz")


def downgrade() -> None:
    op.execute("alter table gateway drop column watched_at")
    op.execute("alter table device drop column uplinks_lost")
    op.execute("drop table lost")
