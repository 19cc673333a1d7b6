"""What is published once, which gateway publishes it, and the notices among it, which are kept."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables.columns import EUI, TIME, metadata

outgoing: Final = sa.Table(
    "outgoing",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    # Names as they were then, because the space may be renamed or removed before the message is published.
    sa.Column("site", sa.Text),
    sa.Column("zone", sa.Text),
    sa.Column("space", sa.Text),
    sa.Column("body", pg.JSON, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),
    # The broker refused it: not before this time.
    sa.Column("retry_at", TIME),
)

outgoing_claim: Final = sa.Table(
    "outgoing_claim",
    metadata,
    # At most one row: the gateway that publishes `outgoing`. If it dies, another one may after `claimed_until`.
    sa.Column("is_only", sa.Boolean, primary_key=True, server_default="true"),
    sa.Column("claimed_by", sa.Text),
    sa.Column("claimed_until", TIME, nullable=False),
    sa.CheckConstraint("is_only", name="is_only"),
)

notice: Final = sa.Table(
    "notice",
    metadata,
    # That of its message.
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("site", sa.Text),
    sa.Column("zone", sa.Text),
    sa.Column("space", sa.Text),
    sa.Column("dev_eui", EUI),
    sa.Column("details", pg.JSONB, nullable=False),
    # When what it says was over, for kinds that end.
    sa.Column("over_at", TIME),
    sa.Index("notice_at_idx", "at"),
    sa.Index("notice_silent_idx", "dev_eui", postgresql_where=sa.text("kind = 'silent' and over_at is null")),
)
