"""Devices and their installations, and everything that came from them."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.tables.columns import EUI, TIME, metadata, published

device: Final = sa.Table(
    "device",
    metadata,
    sa.Column("dev_eui", EUI, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("profile", sa.Text, nullable=False, server_default=""),
    sa.Column("application", sa.Text, nullable=False, server_default=""),
    sa.Column("tags", pg.JSONB, nullable=False, server_default="{}"),
    sa.Column("contact", sa.Text, nullable=False, server_default="never"),
    sa.Column("heard_at", TIME),
    sa.Column("dev_addr", sa.Text),
    sa.Column("f_cnt", sa.BigInteger),
    sa.Column("dr", sa.SmallInteger),
    sa.Column("rssi", sa.Integer),
    sa.Column("snr", sa.REAL),
    sa.Column("codec", sa.Text),
    sa.Column("battery_percent", sa.Integer),
    sa.Column("battery_at", TIME),
    sa.Column("battery_dev_addr", sa.Text),
    sa.Column("battery_f_cnt", sa.BigInteger),
    sa.Column("battery_volts", sa.REAL),
    sa.Column("temperature_celsius", sa.REAL),
    sa.Column("distance_mm", sa.Integer),
    sa.Column("counter", sa.BigInteger),
    # Totals since the counter began.
    sa.Column("counter_in", sa.BigInteger),
    sa.Column("counter_out", sa.BigInteger),
    sa.Column("confidence", sa.REAL),
    # The last measurements of a device with several sensors, by their numbers.
    sa.Column("channels", pg.JSONB),
    sa.Column("fault", sa.Text),
    sa.Column("tamper", sa.Boolean),
    # When an uplink last reported them.
    sa.Column("fault_at", TIME),
    sa.Column("tamper_at", TIME),
    sa.Column("margin_db", sa.Integer),
    sa.Column("external_power", sa.Boolean),
    sa.Column("joined_at", TIME),
    sa.Column("last_error", sa.Text),
    sa.Column("last_error_at", TIME),
    # The most severe first.
    sa.Column("problems", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("problem", sa.Text, sa.Computed("problems[1]", persisted=True)),
    # ChirpStack's id of its application, which the topic of its downlinks contains.
    sa.Column("application_id", sa.Text),
    # How far its last downlink has come, as it is published.
    sa.Column("downlink", pg.JSONB),
    # The sum of its gaps in `lost`.
    sa.Column("uplinks_lost", sa.BigInteger, nullable=False, server_default="0"),
    *published(),
    sa.CheckConstraint("dev_eui ~ '^[0-9a-f]{16}$'", name="dev_eui"),
)

installation: Final = sa.Table(
    "installation",
    metadata,
    sa.Column("dev_eui", sa.ForeignKey("device.dev_eui"), nullable=False),
    sa.Column("channel", sa.Integer, nullable=False, server_default="0"),
    sa.Column("space_id", sa.ForeignKey("space.id"), nullable=False),
    sa.Column("codec", sa.Text),
    sa.Column("options", pg.JSONB, nullable=False, server_default="{}"),
    # Seconds that the sensor may be silent; null: the configuration decides.
    sa.Column("lost_after", sa.Integer),
    # For how many uplinks it is to be observed, and for how many it still is. -1: until a person ends it. Null: not at all.
    sa.Column("observe", sa.Integer),
    sa.Column("observe_left", sa.Integer),
    # The last published values of the device, with which its next uplink is compared. A copy, because every uplink reads this
    # row anyway: to read `device` too costs PostgreSQL 2 µs with a thousand devices and 6 µs with a million.
    sa.Column("snapshot", pg.JSON),
    sa.PrimaryKeyConstraint("dev_eui", "channel"),
    sa.CheckConstraint("lost_after > 0", name="lost_after"),
    sa.CheckConstraint("observe > 0 or observe = -1", name="observe"),
    sa.CheckConstraint("observe_left > 0 or observe_left = -1", name="observe_left"),
    sa.Index("installation_space_id_idx", "space_id"),
)

counter: Final = sa.Table(
    "counter",
    metadata,
    # A device at an entry or an exit of a counted zone. No reference to `device`, whose row comes with the first uplink.
    sa.Column("dev_eui", EUI, nullable=False),
    sa.Column("channel", sa.Integer, nullable=False, server_default="0"),
    sa.Column("zone_id", sa.ForeignKey("zone.id", ondelete="CASCADE"), nullable=False),
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("codec", sa.Text),
    sa.Column("options", pg.JSONB, nullable=False, server_default="{}"),
    # Its totals as the device sent them: for each direction the first and the last one that have counted.
    sa.Column("tracks", pg.JSONB),
    sa.PrimaryKeyConstraint("dev_eui", "channel"),
    sa.CheckConstraint("direction in ('in', 'out', 'both')", name="direction"),
    sa.Index("counter_zone_id_idx", "zone_id"),
)

codec: Final = sa.Table(
    "codec",
    metadata,
    # Which code has read uplinks. Small, because each uplink has it, and few: a row for each version of a codec.
    sa.Column("id", sa.SmallInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.UniqueConstraint("name", "version"),
)

uplink: Final = sa.Table(
    "uplink",
    metadata,
    sa.Column("deduplication_id", pg.UUID, nullable=False),
    sa.Column("dev_eui", EUI, nullable=False),
    sa.Column("time", TIME, nullable=False),
    sa.Column("received_at", TIME, nullable=False),
    sa.Column("f_cnt", sa.BigInteger, nullable=False),
    sa.Column("f_port", sa.SmallInteger, nullable=False),
    sa.Column("data", pg.BYTEA, nullable=False),
    sa.Column("dr", sa.SmallInteger),
    sa.Column("confirmed", sa.Boolean, nullable=False),
    sa.Column("rssi", sa.Integer),
    sa.Column("snr", sa.REAL),
    sa.Column("gateway_count", sa.Integer, nullable=False),
    sa.Column("object", pg.JSONB),
    # `time` is a function of what the message says, so that a redelivery repeats it, and `heard_at` what is believed: the
    # same, except where clocks are so wrong that only the time of receipt is left.
    sa.Column("heard_at", TIME, nullable=False),
    sa.Column("dev_addr", sa.Text),
    # The claimed time that was not believed, and its LoRaWAN gateway. Else null, which takes no room.
    sa.Column("claimed_at", TIME),
    sa.Column("claimed_by", sa.Text),
    # The codec that read it. Null: none did. No reference, which PostgreSQL would check for each uplink.
    sa.Column("codec_id", sa.SmallInteger),
    # Time first: the index grows at its end, which stays in memory however much history lies behind it. A redelivery
    # repeats the time, so the pair is as unique as the id.
    sa.PrimaryKeyConstraint("time", "deduplication_id"),
    sa.Index("uplink_dev_eui_heard_at_idx", "dev_eui", "heard_at"),
    sa.Index("uplink_claimed_idx", "received_at", postgresql_where=sa.text("claimed_at is not null")),
    postgresql_partition_by="RANGE (time)",
)

past_reading: Final = sa.Table(
    "past_reading",
    metadata,
    sa.Column("deduplication_id", pg.UUID, nullable=False),
    sa.Column("position", sa.SmallInteger, nullable=False),
    sa.Column("dev_eui", EUI, nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("occupancy", sa.Text),
    sa.Column("distance_mm", sa.Integer),
    sa.Column("counter", sa.BigInteger),
    sa.Column("temperature_celsius", sa.REAL),
    sa.Column("battery_percent", sa.REAL),
    sa.Column("battery_volts", sa.REAL),
    # When the uplink was heard. `at` comes from the clock of the sensor, so it names no month.
    sa.Column("heard_at", TIME, nullable=False),
    # Which sensor of the device; 0: it has one.
    sa.Column("channel", sa.SmallInteger, nullable=False, server_default="0"),
    # The uplink, and the place among its past readings.
    sa.PrimaryKeyConstraint("heard_at", "deduplication_id", "position"),
    sa.Index("past_reading_dev_eui_at_idx", "dev_eui", "at"),
    sa.CheckConstraint("occupancy in ('vacant', 'occupied')", name="occupancy"),
    postgresql_partition_by="RANGE (heard_at)",
)

device_event: Final = sa.Table(
    "device_event",
    metadata,
    # Of the message's bytes, which a redelivery repeats: not every event carries an id of its own.
    sa.Column("digest", pg.UUID, nullable=False),
    sa.Column("dev_eui", EUI, nullable=False),
    sa.Column("time", TIME, nullable=False),
    sa.Column("heard_at", TIME, nullable=False),
    sa.Column("received_at", TIME, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("level", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("description", sa.Text),
    sa.Column("deduplication_id", pg.UUID),
    sa.Column("details", pg.JSONB, nullable=False, server_default="{}"),
    sa.PrimaryKeyConstraint("time", "digest"),
    sa.Index("device_event_dev_eui_heard_at_idx", "dev_eui", "heard_at"),
    postgresql_partition_by="RANGE (time)",
)

rejection: Final = sa.Table(
    "rejection",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("received_at", TIME, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("payload", pg.BYTEA, nullable=False),
    sa.Column("dev_eui", EUI),
    sa.Column("deduplication_id", pg.UUID),
    sa.Column("digest", pg.UUID, nullable=False),
    sa.Index("rejection_received_at_idx", "received_at"),
    sa.Index("rejection_digest_idx", "digest"),
    sa.Index("rejection_dev_eui_idx", "dev_eui"),
    sa.PrimaryKeyConstraint("id", "received_at"),
    postgresql_partition_by="RANGE (received_at)",
)

lost: Final = sa.Table(
    "lost",
    metadata,
    # Uplinks of a device session that are missing by their frame counters, from `first` to `last`.
    sa.Column("dev_eui", EUI, nullable=False),
    sa.Column("dev_addr", EUI, nullable=False),
    # When the frame after the gap was heard.
    sa.Column("at", TIME, nullable=False),
    sa.Column("first", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("found_at", TIME, nullable=False),
    sa.PrimaryKeyConstraint("dev_eui", "dev_addr", "at", "first"),
    sa.CheckConstraint("first <= last", name="order"),
)
