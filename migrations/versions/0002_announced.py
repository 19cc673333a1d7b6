"""A device's row is written when it is published, so `heard_at` is the time of that.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("alter table device drop column announced_at")


def downgrade() -> None:
    op.execute("alter table device add column announced_at timestamptz")
    op.execute("update device set announced_at = heard_at")
