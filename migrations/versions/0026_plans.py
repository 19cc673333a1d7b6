"""Floor plans of zones, and where spaces are on them.

Revision ID: 0026
"""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute("""
create table plan (
    zone_id bigint not null primary key references zone on delete cascade,
    media_type text not null,
    content bytea not null,
    digest text not null,
    width double precision not null,
    height double precision not null,
    constraint plan_media_type check (media_type in ('image/svg+xml', 'image/png', 'image/jpeg', 'image/webp')),
    constraint plan_size check (width > 0 and height > 0)
)""")
    op.execute("""
create table plan_place (
    space_id bigint not null primary key references space on delete cascade,
    x double precision not null,
    y double precision not null
)""")


def downgrade() -> None:
    op.execute("drop table plan, plan_place")
