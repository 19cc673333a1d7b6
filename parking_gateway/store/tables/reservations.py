"""Reservations: rights to a space for a time range."""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.reservation import LIVE, ReservationStatus
from parking_gateway.store.tables.columns import TIME, metadata


def _has_status(statuses: Iterable[ReservationStatus]) -> str:
    listed = ", ".join(f"'{one}'" for one in statuses)
    return f"status in ({listed})"


_IS_LIVE: Final = _has_status(sorted(LIVE))


reservation: Final = sa.Table(
    "reservation",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    # No foreign key, because the reservations of a removed space stay. The view `space_name` has its names.
    sa.Column("space_id", sa.BigInteger, nullable=False),
    sa.Column("during", pg.TSTZRANGE, nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="booked"),
    # The requester's name of the request. A request that comes twice makes one reservation.
    sa.Column("request_id", sa.Text, unique=True),
    # The wish, if it was any free space of a zone.
    sa.Column("wished_zone", sa.Text),
    sa.Column("wished_audience", sa.Text),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("holder", sa.Text),
    sa.Column("note", sa.Text),
    # Of an event of a calendar: the space or zone of the calendar, and the names of the event and of its recurrence.
    sa.Column("calendar", sa.Text),
    sa.Column("uid", sa.Text),
    sa.Column("recurrence", sa.Text),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now()),
    sa.Column("checked_in_at", TIME),
    sa.Column("ended_at", TIME),
    sa.Column("why", sa.Text),
    sa.CheckConstraint(_has_status(ReservationStatus), name="status"),
    sa.CheckConstraint(
        "not isempty(during) and lower(during) is not null and upper(during) is not null"
        " and lower_inc(during) and not upper_inc(during)",
        name="during",
    ),
    # A range of one id has the operator && without an extension; `btree_gist` would add = for integers.
    pg.ExcludeConstraint(
        (sa.text("int8range(space_id, space_id, '[]')"), "&&"),
        (sa.column("during"), "&&"),
        where=sa.text(_IS_LIVE),
        name="reservation_no_overlap",
    ),
    sa.Index("reservation_space_id_idx", "space_id"),
    sa.Index("reservation_calendar_idx", "calendar", "uid", postgresql_where=sa.text("calendar is not null")),
    # What is due.
    sa.Index("reservation_start_idx", sa.text("lower(during)"), postgresql_where=sa.text("status = 'booked'")),
    sa.Index("reservation_holding_idx", sa.text("lower(during)"), postgresql_where=sa.text("status = 'holding'")),
    # What is older than it is kept.
    sa.Index("reservation_ended_at_idx", "ended_at", postgresql_where=sa.text("ended_at is not null")),
    sa.Index("reservation_end_idx", sa.text("upper(during)"), postgresql_where=sa.text(_IS_LIVE)),
)
