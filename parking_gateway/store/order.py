"""The order of a device's frames (`clocks.compare`) as PostgreSQL asks for it."""

from datetime import timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from parking_gateway.core.clocks import COUNTERS_APART, STEP


class FrameColumns(NamedTuple):
    """The columns that order a frame."""

    heard_at: sa.ColumnElement[Any]
    dev_addr: sa.ColumnElement[Any]
    f_cnt: sa.ColumnElement[Any]


def is_later(one: FrameColumns, other: FrameColumns) -> sa.ColumnElement[bool]:
    """Whether `one` is the later frame. Null if a frame is missing."""
    of_one_session = sa.and_(
        one.dev_addr == other.dev_addr,
        one.f_cnt.between(other.f_cnt - COUNTERS_APART, other.f_cnt + COUNTERS_APART),
        one.heard_at.between(other.heard_at - STEP_BACK, other.heard_at + STEP_BACK),
    )
    by_counter = sa.tuple_(one.f_cnt, one.heard_at) > sa.tuple_(other.f_cnt, other.heard_at)
    by_clock = sa.tuple_(one.heard_at, one.f_cnt) > sa.tuple_(other.heard_at, other.f_cnt)
    return sa.case((of_one_session, by_counter), else_=by_clock)


def _interval(span: timedelta) -> sa.ColumnElement[timedelta]:
    return sa.literal_column(f"interval '{span // timedelta(seconds=1)} s'", sa.Interval)


STEP_BACK: Final = _interval(STEP)
