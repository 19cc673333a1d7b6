"""The announcements of the car park that the broker retains for other systems."""

from typing import Final

import sqlalchemy as sa

from parking_gateway.store.tables.columns import metadata

announcement: Final = sa.Table(
    "announcement",
    metadata,
    # A retained message of the broker: of a space, or of a zone if `space` is null. The row is kept until its topic is cleared.
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("space", sa.Text),
    # Of the topics that it names and of its own: with another root or prefix, it is another message.
    sa.Column("place", sa.Text, nullable=False),
    # Of all that it was rendered from. Empty: it has to be published again.
    sa.Column("digest", sa.Text, nullable=False),
)
