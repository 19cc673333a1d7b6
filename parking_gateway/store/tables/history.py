"""What the log and the uplinks say about the past: stays, what was offered, and the parts that have to be corrected."""

from typing import Final

import sqlalchemy as sa

from parking_gateway.store.tables.columns import TIME, metadata

past_stay: Final = sa.Table(
    "past_stay",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
    # The id of the space. No foreign key, because the stays of a removed space remain.
    sa.Column("space", sa.BigInteger, nullable=False),
    sa.Column("arrived_at", TIME, nullable=False),
    # Null only while a long part of the history is corrected: the rest of the stay follows with the next few uplinks.
    sa.Column("departed_at", TIME),
    # The causes of the two changes.
    sa.Column("arrival", sa.Text, nullable=False),
    sa.Column("departure", sa.Text),
    sa.Column("reservation", sa.Text),
    sa.Column("overstay", sa.Boolean, nullable=False, server_default=sa.false()),
    # The id of the wrong stay in place of which this one is.
    sa.Column("corrects", sa.BigInteger),
    sa.Column("withdrawn_at", TIME),
    # The key also finds the stays of a space.
    sa.PrimaryKeyConstraint("space", "arrived_at", "id"),
    # Stays come in the order of their ends, so a few bytes for a thousand rows are enough.
    sa.Index(
        "past_stay_departed_at_idx",
        "departed_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": True},
    ),
    postgresql_partition_by="RANGE (arrived_at)",
)

offer: Final = sa.Table(
    "offer",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("space", sa.BigInteger, nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("reservation", sa.Text),
    sa.Column("cause", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("space", "at", "id"),
    sa.Index(
        "offer_at_idx", "at", postgresql_using="brin", postgresql_with={"pages_per_range": 32, "autosummarize": True}
    ),
)

late: Final = sa.Table(
    "late",
    metadata,
    # The part of a space's history that is not as if all observations had come in their order.
    sa.Column("space", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("since", TIME, nullable=False),
    sa.Column("until", TIME, nullable=False),
)

occupancy_hour: Final = sa.Table(
    "occupancy_hour",
    metadata,
    # Names, because a zone that was renamed or removed keeps its hours.
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("hour", TIME, nullable=False),
    # How much of the hour is over.
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("spaces", sa.BigInteger, nullable=False),
    sa.Column("occupied_seconds", sa.Double, nullable=False),
    sa.Column("arrivals", sa.BigInteger, nullable=False),
    sa.Column("departures", sa.BigInteger, nullable=False),
    # Of the stays that ended.
    sa.Column("stay_seconds", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("hour", "site", "zone"),
)

stale_hour: Final = sa.Table(
    "stale_hour",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    # All hours from this time on have to be counted again.
    sa.Column("since", TIME, nullable=False),
)
