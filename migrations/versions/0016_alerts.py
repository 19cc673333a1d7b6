"""Notices that have yet to reach a webhook or a mail server.

Revision ID: 0016
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("""
create table alert_recipient (
    name text primary key,
    kinds text[] not null,
    seen_at timestamptz not null,
    claimed_by text,
    claimed_until timestamptz,
    next_at timestamptz not null default now(),
    failures integer not null default 0,
    failing_since timestamptz,
    error text
)""")
    op.execute("""
create table alert (
    recipient text not null references alert_recipient (name) on delete cascade,
    notice bigint not null references notice (id) on delete cascade,
    created_at timestamptz not null default now(),
    next_at timestamptz not null default now(),
    failures integer not null default 0,
    error text,
    given_up_at timestamptz,
    primary key (recipient, notice)
)""")
    # A notice that is deleted takes its alerts with it.
    op.execute("create index alert_notice_idx on alert (notice)")


def downgrade() -> None:
    op.execute("drop table alert")
    op.execute("drop table alert_recipient")
