"""Maintenance has a planned end.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute(
        "alter table space add column maintenance_until timestamptz, add column maintenance_reminded timestamptz"
    )
    # Of the spaces in maintenance alone. No uplink changes the column, so that saving a space needs no index all the same.
    op.execute(
        "create index space_maintenance_until_idx on space (maintenance_until) where maintenance_until is not null"
    )


def downgrade() -> None:
    op.execute("alter table space drop column maintenance_reminded, drop column maintenance_until")
