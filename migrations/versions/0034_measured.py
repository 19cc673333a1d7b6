"""All that a device has measured is in its row: the totals of a counter, and the readings of its single sensors.

Revision ID: 0034
"""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.execute(
        "alter table device add column counter_in bigint, add column counter_out bigint, add column channels jsonb"
    )


def downgrade() -> None:
    op.execute("alter table device drop column counter_in, drop column counter_out, drop column channels")
