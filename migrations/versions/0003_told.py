"""The last published values of a device are copied to its installation, which every uplink reads.

The copies are empty at first, so the next uplink of every device is published.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("alter table installation add column told json")
    # The row is written whenever its device is published. With room on its page, no index is written.
    op.execute("alter table installation set (fillfactor = 70)")


def downgrade() -> None:
    op.execute("alter table installation reset (fillfactor)")
    op.execute("alter table installation drop column told")
