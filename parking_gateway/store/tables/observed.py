"""What observed installations have reported, and what people have seen: `doctor --devices` compares the two."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables.columns import EUI, TIME, metadata

observed: Final = sa.Table(
    "observed",
    metadata,
    # An uplink of an observed installation, which has not changed its space.
    sa.Column("dev_eui", EUI, nullable=False),
    sa.Column("deduplication_id", pg.UUID, nullable=False),
    sa.Column("channel", sa.Integer, nullable=False),
    # The id of the space. No foreign key, because the rows of a removed space remain.
    sa.Column("space", sa.BigInteger, nullable=False),
    # Since when it was so, by the sensor's own clock if it has one.
    sa.Column("at", TIME, nullable=False),
    # Null: the uplink has none, and is only a sign of life.
    sa.Column("occupancy", sa.Text),
    sa.Column("codec", sa.Text),
    sa.PrimaryKeyConstraint("dev_eui", "deduplication_id", "channel"),
    sa.Index("observed_space_at_idx", "space", "at"),
    sa.CheckConstraint("occupancy in ('vacant', 'occupied')", name="occupancy"),
)

truth: Final = sa.Table(
    "truth",
    metadata,
    # What a person has seen on a space.
    sa.Column("space_id", sa.ForeignKey("space.id", ondelete="CASCADE"), nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("is_occupied", sa.Boolean, nullable=False),
    sa.PrimaryKeyConstraint("space_id", "at"),
)
