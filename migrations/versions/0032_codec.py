"""Which code has read an uplink is kept with it.

Revision ID: 0032
"""

from alembic import op

revision = "0032"
down_revision = "0029"


def upgrade() -> None:
    op.execute("""
create table codec (
    id smallint generated always as identity primary key,
    name text not null,
    version text not null,
    constraint codec_name_version_key unique (name, version)
)""")
    op.execute("alter table uplink add column codec_id smallint")


def downgrade() -> None:
    op.execute("alter table uplink drop column codec_id")
    op.execute("drop table codec")
