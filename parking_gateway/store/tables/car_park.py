"""The car park: sites, zones, spaces, and the log of their steps."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.audience import Audience
from parking_gateway.core.space import LEGAL_STEPS
from parking_gateway.store.tables.columns import TIME, metadata, published


def _legal_steps() -> str:
    """The state machine's own table of legal steps, as a condition on a row of the log."""
    return " or ".join(
        f""""from" = '{before}' and "to" in ({", ".join(f"'{after}'" for after in sorted(steps))})"""
        for before, steps in LEGAL_STEPS.items()
    )


site: Final = sa.Table(
    "site",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    # By its name in the time zone database. Hours of the day are those of the site.
    sa.Column("time_zone", sa.Text, nullable=False, server_default="UTC"),
    *published(),
    # Of the whole site. Spaces in a building mostly have none.
    sa.Column("lat", sa.Double),
    sa.Column("lon", sa.Double),
    sa.CheckConstraint("lat between -90 and 90", name="lat"),
    sa.CheckConstraint("lon between -180 and 180", name="lon"),
)

zone: Final = sa.Table(
    "zone",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("site_id", sa.ForeignKey("site.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    # Seconds that a car may stay; null: as long as it likes. The limits are those of audiences and of hours of the day.
    sa.Column("max_stay", sa.Integer),
    sa.Column("stay_limits", pg.JSONB),
    # Cars that a zone holds which is counted at its entries and exits. Null: the zone is the sum of its spaces.
    sa.Column("capacity", sa.Integer),
    # How many are there, since when that was set, and the cars that the bounds of the count hide since then.
    sa.Column("count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("counted_since", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("drift", sa.Integer, nullable=False, server_default="0"),
    # The time of the day of its site at which the count begins again at 0, such as 03:30.
    sa.Column("resets_at", sa.Text),
    # Of its reservations: seconds for which a space is kept for a car that does not come, and whether it is kept until the end
    # if the car leaves early. Null: the configuration decides.
    sa.Column("grace", sa.Integer),
    sa.Column("keeps_on_leaving", sa.Boolean),
    *published(),
    sa.UniqueConstraint("site_id", "name"),
    sa.CheckConstraint("max_stay > 0", name="max_stay"),
    sa.CheckConstraint("grace >= 0", name="grace"),
    sa.CheckConstraint("capacity >= 0", name="capacity"),
    sa.CheckConstraint("count >= 0", name="count"),
    sa.CheckConstraint("resets_at ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'", name="resets_at"),
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
    sa.Column("reserved_checked_in", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("reserved_kept", sa.Boolean, nullable=False, server_default="false"),
    sa.Column("service", sa.Text, nullable=False, server_default="in_service"),
    sa.Column("service_at", TIME),
    sa.Column("maintenance_reason", sa.Text),
    # Its planned end, and the planned end that people were reminded of.
    sa.Column("maintenance_until", TIME),
    sa.Column("maintenance_reminded", TIME),
    sa.Column("battery_percent", sa.Integer),
    sa.Column("battery_at", TIME),
    sa.Column("battery_dev_addr", sa.Text),
    sa.Column("battery_f_cnt", sa.BigInteger),
    sa.Column("updated_at", TIME, nullable=False, server_default=sa.func.now()),
    *published(),
    # The last step of the log that the broker confirmed: those after it are due.
    sa.Column("published_transition", sa.BigInteger, nullable=False, server_default="0"),
    # The time of that step. Later steps have the same time or a later one, so earlier months need not be read.
    sa.Column("published_transition_at", TIME),
    sa.Column("overstay", sa.Text),
    # Of a space with several sensors, what each has reported. Null: it has one, or none.
    sa.Column("sensors", pg.JSONB),
    # When service or reservation last changed. A change of occupancy that was heard before it has come late.
    sa.Column("offered_at", TIME),
    # Of the car that is there: when it came, by which cause, and for which reservation.
    sa.Column("arrived_at", TIME),
    sa.Column("arrival", sa.Text),
    sa.Column("arrived_for", sa.Text),
    # Since when the present sensors watch it. Their earlier uplinks are about other spaces.
    sa.Column("watched_since", TIME, nullable=False, server_default="-infinity"),
    # From here on the attributes, which the register alone writes.
    sa.Column("audience", sa.Text),
    sa.Column("purpose", sa.Text),
    sa.Column("lat", sa.Double),
    sa.Column("lon", sa.Double),
    sa.Column("max_stay", sa.Integer),
    sa.Column("tags", pg.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.UniqueConstraint("zone_id", "name"),
    sa.Index(
        "space_maintenance_until_idx", "maintenance_until", postgresql_where=sa.text("maintenance_until is not null")
    ),
    sa.CheckConstraint(
        "overstay is null or overstay in ('exceeded', 'acknowledged') and state = 'OCCUPIED'", name="overstay"
    ),
    sa.CheckConstraint(f"audience in ({', '.join(repr(one.value) for one in Audience)})", name="audience"),
    sa.CheckConstraint("(lat is null) = (lon is null)", name="position"),
    sa.CheckConstraint("lat between -90 and 90", name="lat"),
    sa.CheckConstraint("lon between -180 and 180", name="lon"),
    sa.CheckConstraint("max_stay > 0", name="max_stay"),
    sa.CheckConstraint("occupancy in ('vacant', 'occupied')", name="occupancy"),
    sa.CheckConstraint("contact in ('never', 'live', 'lost')", name="contact"),
    sa.CheckConstraint(
        "state = case when service = 'maintenance' then 'MAINTENANCE' when occupancy = 'occupied' then 'OCCUPIED'"
        " when reservation is not null then 'RESERVED' else 'FREE' end",
        name="state",
    ),
    sa.CheckConstraint("service in ('in_service', 'maintenance')", name="service"),
)

former_name: Final = sa.Table(
    "former_name",
    metadata,
    # No foreign key, because a removed space has its last names here.
    sa.Column("space", sa.BigInteger, nullable=False),
    sa.Column("until", TIME, nullable=False),
    sa.Column("since", TIME, nullable=False),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("space", "until"),
)

transition: Final = sa.Table(
    "transition",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
    # No foreign key, because the log of a removed space stays. The view `space_name` has the names at any time.
    sa.Column("space", sa.BigInteger, nullable=False),
    sa.Column("from", sa.Text, nullable=False),
    sa.Column("to", sa.Text, nullable=False),
    sa.Column("at", TIME, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    # The id of the wrong step in place of which this one is.
    sa.Column("corrects", sa.BigInteger),
    # The step did not happen so. A row with both columns only says that an earlier one did not.
    sa.Column("withdrawn_at", TIME),
    sa.PrimaryKeyConstraint("id", "at"),
    sa.Index("transition_space_id_idx", "space", "id"),
    # Rows come nearly in the order of their times, so a few bytes for a thousand of them are enough.
    sa.Index(
        "transition_at_idx",
        "at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": True},
    ),
    sa.CheckConstraint(_legal_steps(), name="legal"),
    postgresql_partition_by="RANGE (at)",
)
