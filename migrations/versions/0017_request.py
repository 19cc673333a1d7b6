"""The requests that were answered, so that none is carried out twice, and everybody can see who asked for what.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute("""
create table request (
    id bigint generated always as identity,
    at timestamptz not null,
    digest uuid not null,
    mid integer not null,
    client text not null,
    verb text not null,
    by text not null,
    outcome text not null,
    copy_of bigint,
    primary key (id, at)
) partition by range (at)""")
    op.execute("create table request_default partition of request default")
    op.execute("create index request_digest_idx on request (digest)")

    op.execute("alter table broker_session add column began_at timestamptz not null default now()")


def downgrade() -> None:
    op.execute("alter table broker_session drop column began_at")
    op.execute("drop table request")
