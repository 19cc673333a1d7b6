"""What is published once and not the last value of a row, and the notices among it.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("""
create table outgoing (
    id bigint generated always as identity primary key,
    site text,
    zone text,
    space text,
    body json not null,
    expires_at timestamptz not null,
    retry_at timestamptz
)""")
    op.execute("""
create table outgoing_claim (
    is_only boolean primary key default true,
    claimed_by text,
    claimed_until timestamptz not null,
    constraint outgoing_claim_is_only check (is_only)
)""")
    op.execute("""
create table notice (
    id bigint primary key,
    at timestamptz not null,
    kind text not null,
    site text,
    zone text,
    space text,
    dev_eui text collate "C",
    details jsonb not null,
    over_at timestamptz
)""")
    op.execute("create index notice_at_idx on notice (at)")
    op.execute("create index notice_silent_idx on notice (dev_eui) where kind = 'silent' and over_at is null")


def downgrade() -> None:
    op.execute("drop table notice")
    op.execute("drop table outgoing_claim")
    op.execute("drop table outgoing")
