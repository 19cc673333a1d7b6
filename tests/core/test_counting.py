"""Counted zones: the sum of growths obeys its law, and the count keeps its bounds."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.counting import (
    CountDirection,
    Total,
    Totals,
    Tracks,
    ZoneCount,
    drift_notice,
    growth,
    last_reset,
    pass_by,
    set_count,
    totals_of,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")


def total(value: int, at: int, *, dev_addr: str = "01a2d830") -> Total:
    return Total(NOON + at * MINUTE, dev_addr, at, value)


def frame(came: int | None, left: int | None, at: int, *, dev_addr: str = "01a2d830") -> Totals:
    return Totals(
        came=None if came is None else total(came, at, dev_addr=dev_addr),
        left=None if left is None else total(left, at, dev_addr=dev_addr),
    )


def zone(*, capacity: int = 100, count: int = 0, since: datetime = NOON) -> ZoneCount:
    return set_count(count, capacity=capacity, at=since)


def after(*frames: Totals, start: ZoneCount | None = None) -> ZoneCount:
    found, tracks = start or zone(), Tracks()
    for one in frames:
        found, tracks = pass_by(found, tracks, one)
    return found


def test_what_a_total_has_grown_by_is_counted() -> None:
    found = after(frame(1000, 900, 1), frame(1003, 900, 2), frame(1003, 901, 3))
    assert (found.count, found.drift) == (2, 0)


def test_the_first_total_counts_nothing() -> None:
    assert after(frame(1000, 900, 1)).count == 0


def test_a_lost_frame_costs_nothing_and_a_repeated_one_counts_once() -> None:
    assert after(frame(10, 0, 1), frame(14, 1, 9), frame(14, 1, 9), frame(12, 1, 5)).count == 3


@pytest.mark.parametrize(
    ("before", "later", "grown"),
    [
        (5, 5, 0),
        (5, 9, 4),
        (65_530, 4, 10),
        (2**32 - 2, 3, 5),
        (65_530, 30_000, 30_000),
        (700, 4, 4),
        (100_000, 4, 4),
        (2**40, 4, 4),
    ],
)
def test_a_counter_that_begins_again_is_told_from_one_that_goes_on_at_0(before: int, later: int, grown: int) -> None:
    assert growth(before, later) == grown


def test_the_count_has_bounds_and_the_drift_has_the_difference() -> None:
    start = zone(capacity=3)
    full = after(frame(0, 0, 1), frame(5, 0, 2), start=start)
    assert (full.count, full.drift) == (3, 2)
    empty = after(frame(0, 0, 1), frame(0, 4, 2), start=start)
    assert (empty.count, empty.drift) == (0, -4)
    assert set_count(7, capacity=3, at=NOON) == start.__class__(capacity=3, count=3, drift=0, since=NOON)
    assert set_count(-1, capacity=3, at=NOON).count == 0


def grown_totals(growths: list[tuple[int, int]]) -> list[Totals]:
    """The frames of a counter whose totals have grown by these numbers, a minute apart."""
    found, came, left = [], 40, 30
    for at, (more, fewer) in enumerate(growths, 1):
        came, left = came + more, left + fewer
        found.append(frame(came, left, at))
    return found


growths = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(grown=growths, data=st.data(), capacity=st.integers(0, 30), count=st.integers(0, 30))
def test_any_order_and_repeats_of_totals_end_in_the_same_sum(
    grown: list[tuple[int, int]], data: st.DataObject, capacity: int, count: int
) -> None:
    sent = grown_totals(grown)
    start = zone(capacity=capacity, count=count)
    in_order = after(*sent, start=start)
    found = after(*data.draw(st.permutations([*sent, *sent[:3]])), start=start)
    assert found.count + found.drift == in_order.count + in_order.drift
    assert 0 <= found.count <= capacity
    balance = start.count + sum(more - fewer for more, fewer in grown[1:])
    assert in_order.count + in_order.drift == balance


@given(grown=growths, data=st.data())
def test_where_no_bound_was_reached_the_count_is_the_same_too(
    grown: list[tuple[int, int]], data: st.DataObject
) -> None:
    sent = grown_totals(grown)
    start = zone(capacity=1000, count=500)
    assert after(*data.draw(st.permutations(sent)), start=start) == after(*sent, start=start)


@given(
    values=st.lists(st.integers(0, 2**33), min_size=1, max_size=12),
    capacity=st.integers(0, 30),
    count=st.integers(0, 30),
)
def test_whatever_a_counter_sends_the_count_keeps_its_bounds(values: list[int], capacity: int, count: int) -> None:
    found = after(
        *(frame(value, values[-at], at) for at, value in enumerate(values, 1)),
        start=zone(capacity=capacity, count=count),
    )
    assert 0 <= found.count <= capacity


def test_a_counter_that_began_again_in_a_new_session_counts_on() -> None:
    assert after(frame(500, 0, 1), frame(510, 0, 2), frame(3, 0, 3, dev_addr="02")).count == 13


def test_totals_from_before_the_count_was_set_count_nothing() -> None:
    """Those that come later move the track on all the same, so that the next growth begins there."""
    start = zone(count=20, since=NOON + 5 * MINUTE)
    found, tracks = pass_by(start, Tracks(), frame(10, 0, 1))
    for one, count in ((frame(14, 0, 4), 20), (frame(15, 0, 6), 21), (frame(9, 0, 0), 21)):
        found, tracks = pass_by(found, tracks, one)
        assert found.count == count


def test_each_direction_has_its_own_totals() -> None:
    found = after(frame(10, None, 1), frame(None, 4, 2), frame(12, None, 3), frame(None, 5, 4))
    assert found.count == 1


@pytest.mark.parametrize(
    ("direction", "counters", "came", "left"),
    [
        (CountDirection.IN, {"counter_in": 3, "counter_out": 4, "counter": 5}, 3, None),
        (CountDirection.IN, {"counter": 5}, 5, None),
        (CountDirection.IN, {"counter_in": 0, "counter": 5}, 0, None),
        (CountDirection.OUT, {"counter_in": 3, "counter_out": 4}, None, 4),
        (CountDirection.OUT, {"counter_in": 3, "counter": 5}, None, 5),
        (CountDirection.OUT, {"counter_in": 3}, None, 3),
        (CountDirection.BOTH, {"counter_in": 3, "counter_out": 4}, 3, 4),
        (CountDirection.BOTH, {"counter": 5}, None, None),
    ],
)
def test_the_direction_decides_which_totals_count(
    direction: CountDirection, counters: dict[str, int], came: int | None, left: int | None
) -> None:
    found = totals_of(counters, direction, total(0, 1))
    assert (found.came and found.came.value, found.left and found.left.value) == (came, left)


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        ("2026-11-23T12:00:00+00:00", "2026-11-23T03:00:00+01:00"),
        ("2026-11-23T01:59:59+00:00", "2026-11-22T03:00:00+01:00"),
        ("2026-11-23T02:00:00+00:00", "2026-11-23T03:00:00+01:00"),
        # Clocks are set forward at 2:00, and back at 3:00.
        ("2026-03-29T12:00:00+00:00", "2026-03-29T03:00:00+02:00"),
        ("2026-10-25T12:00:00+00:00", "2026-10-25T03:00:00+01:00"),
    ],
)
def test_a_zone_begins_again_at_a_time_of_the_day_of_its_site(now: str, reset: str) -> None:
    assert last_reset(datetime.fromisoformat(now), time(3), BERLIN) == datetime.fromisoformat(reset)


def test_a_time_that_the_day_does_not_have_is_an_hour_later() -> None:
    found = last_reset(datetime(2026, 3, 29, 12, tzinfo=UTC), time(2, 30), BERLIN)
    assert found.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_large_drift_is_noticed_once() -> None:
    one, other, large = (ZoneCount(capacity=200, count=0, drift=drift, since=NOON) for drift in (-9, -10, -11))
    assert drift_notice(("central", "park"), one, one, at=NOON) is None
    assert drift_notice(("central", "park"), other, large, at=NOON) is None
    notice = drift_notice(("central", "park"), one, other, at=NOON)
    assert notice is not None
    assert notice.details == {"site": "central", "zone": "park", "count": 0, "capacity": 200, "drift": -10}
