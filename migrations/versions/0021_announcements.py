"""The announcements that the broker retains for other systems, such as Home Assistant.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("""
create table announcement (
    topic text primary key,
    site text not null,
    zone text not null,
    space text,
    place text not null,
    digest text not null
)""")


def downgrade() -> None:
    op.execute("drop table announcement")
