"""What was last told of a device stands beside its installation too, where every uplink is looked up.

Nothing is there to begin with: the next uplink of every device is told, as after an interval.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("alter table installation add column told json")
    # The row is written again whenever its device is told of: with room on the page, without touching any index.
    op.execute("alter table installation set (fillfactor = 70)")


def downgrade() -> None:
    op.execute("alter table installation reset (fillfactor)")
    op.execute("alter table installation drop column told")
