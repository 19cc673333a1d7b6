"""Notices that have yet to reach a webhook or a mail server."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables.columns import TIME, metadata

alert_recipient: Final = sa.Table(
    "alert_recipient",
    metadata,
    # A name without secrets. The gateway writes the recipients of its configuration at its start.
    sa.Column("name", sa.Text, primary_key=True),
    # Of the notices that it gets.
    sa.Column("kinds", pg.ARRAY(sa.Text), nullable=False),
    sa.Column("seen_at", TIME, nullable=False),
    # The gateway that delivers to it. If it dies, another one may after `claimed_until`.
    sa.Column("claimed_by", sa.Text),
    sa.Column("claimed_until", TIME),
    # The recipient is away, or has just got a mail: not before this time.
    sa.Column("next_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failing_since", TIME),
    sa.Column("error", sa.Text),
)

alert: Final = sa.Table(
    "alert",
    metadata,
    sa.Column("recipient", sa.ForeignKey("alert_recipient.name", ondelete="CASCADE"), nullable=False),
    sa.Column("notice", sa.ForeignKey("notice.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
    # The recipient has refused this one: not before this time.
    sa.Column("next_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", sa.Text),
    sa.Column("given_up_at", TIME),
    sa.PrimaryKeyConstraint("recipient", "notice"),
    sa.Index("alert_notice_idx", "notice"),
)
