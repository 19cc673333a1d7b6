"""Floor plans of zones, and where spaces are on them."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables.columns import metadata

plan: Final = sa.Table(
    "plan",
    metadata,
    sa.Column("zone_id", sa.ForeignKey("zone.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("content", pg.BYTEA, nullable=False),
    # Of the content. Its address contains it, so that a browser may keep it for ever.
    sa.Column("digest", sa.Text, nullable=False),
    # In the units of the places: pixels, or those of the drawing.
    sa.Column("width", sa.Double, nullable=False),
    sa.Column("height", sa.Double, nullable=False),
    sa.CheckConstraint("media_type in ('image/svg+xml', 'image/png', 'image/jpeg', 'image/webp')", name="media_type"),
    sa.CheckConstraint("width > 0 and height > 0", name="size"),
)

plan_place: Final = sa.Table(
    "plan_place",
    metadata,
    # The middle of a space on the plan of its zone, from the upper left corner.
    sa.Column("space_id", sa.ForeignKey("space.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("x", sa.Double, nullable=False),
    sa.Column("y", sa.Double, nullable=False),
)
