"""A past reading belongs to one of the device's sensors.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.execute("alter table past_reading add column channel smallint not null default 0")


def downgrade() -> None:
    op.execute("alter table past_reading drop column channel")
