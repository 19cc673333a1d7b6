"""Downlinks, and the indicators that make most of them."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables.columns import TIME, metadata

downlink: Final = sa.Table(
    "downlink",
    metadata,
    # ChirpStack has it as the id of its queue item.
    sa.Column("id", pg.UUID, primary_key=True),
    sa.Column("dev_eui", sa.ForeignKey("device.dev_eui"), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("f_port", sa.SmallInteger, nullable=False),
    sa.Column("data", pg.BYTEA, nullable=False),
    sa.Column("is_confirmed", sa.Boolean, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("wished_at", TIME, nullable=False),
    # Seconds.
    sa.Column("answer_within", sa.Double, nullable=False),
    sa.Column("expires_at", TIME),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", TIME),
    sa.Column("sent_at", TIME),
    # By the clock of the network: the last transmission, since when the device has it, and which answers are too old.
    sa.Column("transmitted_at", TIME),
    sa.Column("gateway", sa.Text),
    sa.Column("taken_at", TIME),
    sa.Column("not_before", TIME),
    sa.Column("has_failed", sa.Boolean, nullable=False),
    sa.Column("detail", sa.Text),
    sa.CheckConstraint(
        "state in ('wished', 'queued', 'transmitted', 'acknowledged', 'replaced', 'failed', 'expired')", name="state"
    ),
    sa.Index("downlink_dev_eui_idx", "dev_eui"),
    sa.Index("downlink_next_at_idx", "next_at", postgresql_where=sa.text("next_at is not null")),
    sa.Index("downlink_sent_at_idx", "sent_at"),
)

indicator: Final = sa.Table(
    "indicator",
    metadata,
    sa.Column("dev_eui", sa.ForeignKey("device.dev_eui"), primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    # Free spaces that a sign does not show, and free spaces beside them that it needs after "full".
    sa.Column("buffer", sa.Integer, nullable=False, server_default="0"),
    sa.Column("hysteresis", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_full", sa.Boolean, nullable=False, server_default="false"),
    # The versions of its places that were looked at, and a digest of its model then; null: none were.
    sa.Column("seen", pg.ARRAY(sa.BigInteger)),
    sa.Column("seen_model", sa.Text),
    sa.CheckConstraint("buffer >= 0 and hysteresis >= 0", name="numbers"),
)

indicator_place: Final = sa.Table(
    "indicator_place",
    metadata,
    # Of several places an indicator shows the spaces together.
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("dev_eui", sa.ForeignKey("indicator.dev_eui", ondelete="CASCADE"), nullable=False),
    sa.Column("site_id", sa.ForeignKey("site.id", ondelete="CASCADE")),
    sa.Column("zone_id", sa.ForeignKey("zone.id", ondelete="CASCADE")),
    sa.Column("space_id", sa.ForeignKey("space.id", ondelete="CASCADE")),
    sa.CheckConstraint("num_nonnulls(site_id, zone_id, space_id) = 1", name="one"),
    sa.Index("indicator_place_dev_eui_idx", "dev_eui"),
    # PostgreSQL looks for these when a place is removed.
    sa.Index("indicator_place_site_id_idx", "site_id", postgresql_where=sa.text("site_id is not null")),
    sa.Index("indicator_place_zone_id_idx", "zone_id", postgresql_where=sa.text("zone_id is not null")),
    sa.Index("indicator_place_space_id_idx", "space_id", postgresql_where=sa.text("space_id is not null")),
)
