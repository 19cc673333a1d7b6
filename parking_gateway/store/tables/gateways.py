"""The memory of gateways: their markers, the subscriptions of their sessions, and the requests that they answered."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables.columns import TIME, metadata

gateway: Final = sa.Table(
    "gateway",
    metadata,
    sa.Column("instance", sa.Text, primary_key=True),
    # The number of the last marker that the broker confirmed and retains, if it has not gone back.
    sa.Column("confirmed", sa.BigInteger, nullable=False, server_default="0"),
    # When it last looked for lost uplinks: nearly as late as its last sign of life.
    sa.Column("watched_at", TIME),
    # Since when every event had reached it by then.
    sa.Column("listening_since", TIME),
)

broker_session: Final = sa.Table(
    "broker_session",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    # Every subscription that the broker may still hold in this session.
    sa.Column("filters", pg.ARRAY(sa.Text), nullable=False),
    # Since when the session has these subscriptions.
    sa.Column("began_at", TIME, nullable=False, server_default=sa.func.now()),
)

request: Final = sa.Table(
    "request",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("at", TIME, nullable=False),
    # Of topic, payload and properties. A broker that delivers the request again repeats them, and the packet id.
    sa.Column("digest", pg.UUID, nullable=False),
    sa.Column("mid", sa.Integer, nullable=False),
    sa.Column("client", sa.Text, nullable=False),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    # Another gateway without a shared subscription received it too, and carried it out as the request with this id.
    sa.Column("copy_of", sa.BigInteger),
    sa.Index("request_digest_idx", "digest"),
    sa.PrimaryKeyConstraint("id", "at"),
    postgresql_partition_by="RANGE (at)",
)
