"""Indexes by which reservations and offers that are older than they are kept are found.

Revision ID: 0027
"""

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.execute("create index reservation_ended_at_idx on reservation (ended_at) where ended_at is not null")
    op.execute("create index offer_at_idx on offer using brin (at) with (pages_per_range = 32, autosummarize = true)")


def downgrade() -> None:
    op.execute("drop index offer_at_idx, reservation_ended_at_idx")
