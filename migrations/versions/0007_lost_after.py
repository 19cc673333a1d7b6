"""How long the sensor of an installation may be silent.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("alter table installation add column lost_after integer")
    op.execute("alter table installation add constraint installation_lost_after check (lost_after > 0)")


def downgrade() -> None:
    op.execute("alter table installation drop column lost_after")
