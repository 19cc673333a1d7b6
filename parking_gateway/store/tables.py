"""The tables for SQLAlchemy. The migrations make them; a test compares the two.

Names of `uplink`, `space`, `transition`, `rejection` and the view `space_state` are part of the public contract.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.space import LEGAL_STEPS

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)

TIME: Final = sa.TIMESTAMP(timezone=True)
EUI: Final = sa.Text(collation="C")
"""Compared byte by byte. Comparing by the rules of a language costs PostgreSQL more for each uplink."""


def _legal_steps() -> str:
    """The state machine's own table of legal steps, as a condition on a row of the log."""
    return " or ".join(
        f""""from" = '{before}' and "to" in ({", ".join(f"'{after}'" for after in sorted(steps))})"""
        for before, steps in LEGAL_STEPS.items()
    )


def _published() -> tuple[sa.Column[int], sa.Column[int]]:
    """What the outbox needs of a table: a row is due while its version is not the one that the broker confirmed.

    No index has them, so that counting a version up stays a HOT update, which touches no index at all.
    """
    return (
        sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("published_version", sa.BigInteger, nullable=False, server_default="0"),
    )


site: Final = sa.Table(
    "site",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    *_published(),
)

zone: Final = sa.Table(
    "zone",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("site_id", sa.ForeignKey("site.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    *_published(),
    sa.UniqueConstraint("site_id", "name"),
)

space: Final = sa.Table(
    "space",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("zone_id", sa.ForeignKey("zone.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="FREE"),
    sa.Column("since", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("previous", sa.Text),
    sa.Column("cause", sa.Text),
    sa.Column("occupancy", sa.Text),
    # Of the frame with the last occupancy: its time, session and counter, which order it. So for the battery.
    sa.Column("seen_at", TIME),
    sa.Column("seen_dev_addr", sa.Text),
    sa.Column("seen_f_cnt", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("contact", sa.Text, nullable=False, server_default="never"),
    sa.Column("heard_at", TIME),
    sa.Column("reservation", sa.Text),
    sa.Column("reserved_from", TIME),
    sa.Column("reserved_until", TIME),
    sa.Column("service", sa.Text, nullable=False, server_default="in_service"),
    sa.Column("service_at", TIME),
    sa.Column("maintenance_reason", sa.Text),
    sa.Column("battery_percent", sa.Integer),
    sa.Column("battery_at", TIME),
    sa.Column("battery_dev_addr", sa.Text),
    sa.Column("battery_f_cnt", sa.BigInteger),
    sa.Column("updated_at", TIME, nullable=False, server_default=sa.func.now()),
    *_published(),
    # The last step of the log that the broker confirmed: those after it are due.
    sa.Column("published_transition", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("zone_id", "name"),
    sa.CheckConstraint("occupancy in ('vacant', 'occupied')", name="occupancy"),
    sa.CheckConstraint("contact in ('never', 'live', 'lost')", name="contact"),
    sa.CheckConstraint(
        "state = case when service = 'maintenance' then 'MAINTENANCE' when occupancy = 'occupied' then 'OCCUPIED'"
        " when reservation is not null then 'RESERVED' else 'FREE' end",
        name="state",
    ),
    sa.CheckConstraint("service in ('in_service', 'maintenance')", name="service"),
)

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
    sa.Column("confidence", sa.REAL),
    sa.Column("fault", sa.Text),
    sa.Column("tamper", sa.Boolean),
    sa.Column("margin_db", sa.Integer),
    sa.Column("external_power", sa.Boolean),
    sa.Column("joined_at", TIME),
    sa.Column("last_error", sa.Text),
    sa.Column("last_error_at", TIME),
    sa.Column("problem", sa.Text),
    *_published(),
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
    # The last published values of the device, with which its next uplink is compared. A copy, because every uplink reads this
    # row anyway: to read `device` too costs PostgreSQL 2 µs with a thousand devices and 6 µs with a million.
    sa.Column("snapshot", pg.JSON),
    sa.PrimaryKeyConstraint("dev_eui", "channel"),
    sa.CheckConstraint("lost_after > 0", name="lost_after"),
    sa.Index("installation_space_id_idx", "space_id"),
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
    # The uplink, and the place among its past readings.
    sa.PrimaryKeyConstraint("deduplication_id", "position"),
    sa.Index("past_reading_dev_eui_at_idx", "dev_eui", "at"),
    sa.CheckConstraint("occupancy in ('vacant', 'occupied')", name="occupancy"),
)

device_event: Final = sa.Table(
    "device_event",
    metadata,
    # Of the message's bytes, which a redelivery repeats: not every event carries an id of its own.
    sa.Column("digest", pg.UUID, primary_key=True),
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
    sa.Index("device_event_dev_eui_heard_at_idx", "dev_eui", "heard_at"),
)

transition: Final = sa.Table(
    "transition",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("space", sa.ForeignKey("space.id"), nullable=False),
    sa.Column("from", sa.Text, nullable=False),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Index("transition_space_id_idx", "space", "id"),
    sa.CheckConstraint(_legal_steps(), name="legal"),
)

rejection: Final = sa.Table(
    "rejection",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
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
)

gateway: Final = sa.Table(
    "gateway",
    metadata,
    sa.Column("instance", sa.Text, primary_key=True),
    # The number of the last marker that the broker confirmed and retains, if it has not gone back.
    sa.Column("confirmed", sa.BigInteger, nullable=False, server_default="0"),
)

broker_session: Final = sa.Table(
    "broker_session",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    # Every subscription that the broker may still hold in this session.
    sa.Column("filters", pg.ARRAY(sa.Text), nullable=False),
)
