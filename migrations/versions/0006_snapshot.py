"""The copy of a device's last published values beside its installation is called a snapshot.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("alter table installation rename column told to snapshot")


def downgrade() -> None:
    op.execute("alter table installation rename column snapshot to told")
