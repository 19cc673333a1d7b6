"""A space may have several sensors.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("alter table space add column sensors jsonb")


def downgrade() -> None:
    # The aspects of the space stay. The next uplink of one of its sensors decides.
    op.execute("alter table space drop column sensors")
