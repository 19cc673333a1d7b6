"""The clock finds the reservations to which nobody has come yet by an index.

Revision ID: 0023
"""

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute("create index reservation_holding_idx on reservation (lower(during)) where status = 'holding'")


def downgrade() -> None:
    op.execute("drop index reservation_holding_idx")
