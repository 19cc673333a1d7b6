"""A position of each site, because formats of others require one, and spaces in a building have none.

Revision ID: 0029
"""

from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.execute("""
alter table site
    add column lat double precision,
    add column lon double precision,
    add constraint site_lat check (lat between -90 and 90),
    add constraint site_lon check (lon between -180 and 180)
""")


def downgrade() -> None:
    op.execute("alter table site drop column lat, drop column lon")
