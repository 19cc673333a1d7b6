"""The memory of gateways: their markers, and the subscriptions of their sessions."""

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
)

broker_session: Final = sa.Table(
    "broker_session",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    # Every subscription that the broker may still hold in this session.
    sa.Column("filters", pg.ARRAY(sa.Text), nullable=False),
)
