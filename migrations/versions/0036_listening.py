"""A gateway remembers over a restart since when every event has reached it.

Revision ID: 0036
"""

from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.execute("alter table gateway add column listening_since timestamptz")


def downgrade() -> None:
    op.execute("alter table gateway drop column listening_since")
