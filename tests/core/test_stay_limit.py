"""How long a car may stay: which limits are those of a space, and when they are exceeded by the clock of the site."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.audience import Audience
from parking_gateway.core.stay_limit import StayLimit, exceeded_at, limits_of

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
TWO_HOURS = StayLimit(seconds=7200)
BY_DAY = StayLimit(seconds=7200, begins=time(8), ends=time(18))
BY_NIGHT = StayLimit(seconds=3600, begins=time(22), ends=time(6))
FOR_EV = StayLimit(seconds=60, audience=Audience.EV)


def local(day: int, hour: float, *, month: int = 11) -> datetime:
    """A time by the clocks of Berlin."""
    return (datetime(2026, month, day, tzinfo=BERLIN) + hour * HOUR).astimezone(UTC)


def exceeded(limit: StayLimit, since: datetime, now: datetime) -> datetime | None:
    return exceeded_at([limit], since=since, now=now, time_zone=BERLIN)


@pytest.mark.parametrize(
    ("audience", "of_space", "expected"),
    [
        (None, None, [BY_DAY, StayLimit(seconds=9)]),
        (Audience.EV, None, [FOR_EV]),
        (Audience.TAXI, None, [BY_DAY, StayLimit(seconds=9)]),
        (Audience.EV, 5, [StayLimit(seconds=5)]),
    ],
)
def test_the_limit_of_the_space_counts_then_of_its_audience_then_of_its_zone(
    audience: Audience | None, of_space: int | None, expected: list[StayLimit]
) -> None:
    limits = [BY_DAY, FOR_EV]
    assert list(limits_of(audience=audience, of_space=of_space, of_zone=9, limits=limits)) == expected


def test_a_zone_without_limits_has_none() -> None:
    assert list(limits_of(audience=Audience.EV, of_space=None, of_zone=None, limits=[])) == []
    assert exceeded_at([], since=local(1, 0), now=local(9, 0), time_zone=BERLIN) is None


def test_a_limit_is_exceeded_when_its_time_is_over_and_not_before() -> None:
    since = local(2, 9)
    assert exceeded(TWO_HOURS, since, local(2, 10.9)) is None
    assert exceeded(TWO_HOURS, since, local(2, 11)) == local(2, 11)


def test_of_several_limits_the_first_one_counts() -> None:
    limits = [TWO_HOURS, StayLimit(seconds=3600)]
    assert exceeded_at(limits, since=local(2, 9), now=local(2, 20), time_zone=BERLIN) == local(2, 10)


def test_a_car_that_came_before_the_hours_stays_from_their_beginning() -> None:
    assert exceeded(BY_DAY, local(2, 7), local(2, 9.9)) is None
    assert exceeded(BY_DAY, local(2, 7), local(2, 10)) == local(2, 10)


def test_the_hours_of_the_evening_before_do_not_count_in_the_morning() -> None:
    assert exceeded(BY_DAY, local(2, 17), local(3, 9.9)) is None
    assert exceeded(BY_DAY, local(2, 17), local(3, 12)) == local(3, 10)


def test_hours_can_go_over_midnight() -> None:
    assert exceeded(BY_NIGHT, local(2, 12), local(3, 3)) == local(2, 23)
    assert exceeded(BY_NIGHT, local(3, 1), local(3, 3)) == local(3, 2)
    assert exceeded(BY_NIGHT, local(3, 5.5), local(3, 8)) is None


def test_a_limit_that_is_longer_than_its_hours_is_never_exceeded() -> None:
    short = StayLimit(seconds=7200, begins=time(8), ends=time(9))
    assert exceeded(short, local(2, 7), local(28, 12)) is None


@pytest.mark.parametrize(("month", "day"), [(3, 29), (10, 25)])
def test_hours_are_those_of_the_clock_on_the_wall_also_where_it_is_set(month: int, day: int) -> None:
    """In the night before, the clocks are set forward in March and back in October. A stay is measured in true hours."""
    since = datetime(2026, month, day, 0, 30, tzinfo=BERLIN).astimezone(UTC)
    now = datetime(2026, month, day, 12, tzinfo=BERLIN).astimezone(UTC)
    assert exceeded(BY_DAY, since, now) == datetime(2026, month, day, 10, tzinfo=BERLIN).astimezone(UTC)
    assert exceeded(TWO_HOURS, since, now) == since + 2 * HOUR


limits_of_any_kind = st.builds(
    StayLimit,
    seconds=st.integers(1, 90_000),
    begins=st.none() | st.sampled_from([time(0), time(8), time(22)]),
    ends=st.none() | st.sampled_from([time(2, 30), time(18), time(6)]),
)
moments = st.integers(0, 6 * 86_400).map(lambda seconds: local(27, 0, month=3) + timedelta(seconds=seconds))


@given(limits_of_any_kind, moments, st.lists(st.integers(0, 400_000), min_size=2, max_size=2).map(sorted))
def test_once_exceeded_it_stays_so_and_never_before_its_time(
    limit: StayLimit, since: datetime, seconds: list[int]
) -> None:
    """So the answer does not depend on how often the clock goes round."""
    earlier, later = (exceeded(limit, since, since + timedelta(seconds=each)) for each in seconds)
    assert earlier is None or earlier == later
    assert later is None or timedelta(seconds=limit.seconds) <= later - since <= timedelta(seconds=seconds[1])
