"""When something was heard, and which frame is the later one: the rules, and their law. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy, Reading
from parking_gateway.core.clocks import Mark, compare, is_held_back, reach, was_just_now, when
from parking_gateway.core.device import DeviceReading, kept
from parking_gateway.core.events import DevEui, DeviceIdentity, Uplink
from parking_gateway.core.space import Space, SpaceId, last_seen, observe
from parking_gateway.decoding.decoder import observation

NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)
WEEK = reach(timedelta(days=7))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
GPS_OF_1980 = datetime(1980, 1, 6, tzinfo=UTC)


def test_a_time_that_the_network_server_confirms_is_believed() -> None:
    just_now = NOW - timedelta(seconds=1)
    assert when(just_now, NOW, NOW, reach=WEEK) == (just_now, just_now)
    assert was_just_now(just_now, NOW)


@pytest.mark.parametrize(
    "wrong", [FIRST, GPS_OF_1980, NOW - 2 * HOUR, NOW + HOUR / 2, datetime(2036, 1, 1, tzinfo=UTC), LAST]
)
def test_a_time_that_the_network_server_contradicts_is_replaced_by_its_clock(wrong: datetime) -> None:
    server_time = NOW - timedelta(seconds=1)
    assert when(wrong, server_time, NOW, reach=WEEK) == (server_time, server_time)


@pytest.mark.parametrize("apart", [-MINUTE, MINUTE])
def test_a_minute_is_not_too_far_apart_and_more_is(apart: timedelta) -> None:
    server_time = NOW - DAY
    further = apart * 1.0001
    assert when(server_time + apart, server_time, NOW, reach=WEEK)[1] == server_time + apart
    assert when(server_time + further, server_time, NOW, reach=WEEK)[1] == server_time


def test_a_backlog_that_the_broker_kept_for_a_week_is_old_and_right() -> None:
    oldest = NOW - WEEK
    older = oldest - timedelta(microseconds=1)
    assert when(oldest, oldest, NOW, reach=WEEK) == (oldest, oldest)
    assert when(older, older, NOW, reach=WEEK) == (older, NOW)


@pytest.mark.parametrize("server_time", [None, FIRST, NOW - WEEK - HOUR, NOW + 2 * MINUTE, LAST])
def test_without_a_network_servers_clock_a_time_is_believed_within_the_same_limits(
    server_time: datetime | None,
) -> None:
    for believed in (NOW - WEEK, NOW + MINUTE):
        assert when(believed, server_time, NOW, reach=WEEK)[1] == believed
    for wrong in (FIRST, NOW - WEEK - MINUTE, NOW + 3 * MINUTE, LAST):
        assert when(wrong, server_time, NOW, reach=WEEK)[1] == NOW


times = st.datetimes(timezones=st.just(UTC))


@given(time=times, server_time=st.none() | times, received=st.tuples(times, times))
def test_what_names_an_uplink_depends_on_its_content_alone(
    time: datetime, server_time: datetime | None, received: tuple[datetime, datetime]
) -> None:
    """Whenever it is delivered. And nothing overflows, and nothing is of the future but for a minute or two."""
    first, again = (when(time, server_time, received_at, reach=WEEK) for received_at in received)
    assert first[0] == again[0]
    assert first[1] - received[0] <= 2 * MINUTE


def frame(f_cnt: int, at: timedelta = timedelta(), dev_addr: str | None = "01a2d830") -> Mark:
    return Mark(heard_at=NOW + at, dev_addr=dev_addr, f_cnt=f_cnt)


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        pytest.param(frame(8), frame(7, HOUR), id="a clock that was set back by an hour"),
        pytest.param(frame(8), frame(7, timedelta(seconds=0.3)), id="two receivers"),
        pytest.param(frame(71), frame(7, HOUR), id="64 frames"),
        pytest.param(frame(0, MINUTE), frame(65), id="a counter that restarted"),
        pytest.param(frame(0, MINUTE, "01ffffff"), frame(7), id="another session"),
        pytest.param(frame(0, MINUTE, None), frame(7, dev_addr=None), id="no session"),
        pytest.param(frame(7, HOUR * 1.01), frame(8), id="hours later"),
        pytest.param(frame(7, MINUTE), frame(7), id="one counter"),
        pytest.param(frame(8, dev_addr="01ffffff"), frame(7), id="one instant"),
    ],
)
def test_a_frame_is_later_than_another(later: Mark, earlier: Mark) -> None:
    assert compare(later, earlier) > 0 > compare(earlier, later)
    assert compare(later, later) == 0


def test_a_frame_is_held_back_where_only_a_clock_makes_it_old() -> None:
    assert is_held_back(frame(8), frame(7, 2 * HOUR))
    assert not is_held_back(frame(8), frame(7, HOUR))
    assert not is_held_back(frame(6), frame(7, 2 * HOUR))
    assert not is_held_back(frame(8), frame(7, 2 * HOUR, "01ffffff"))
    assert not is_held_back(frame(8, dev_addr=None), frame(7, 2 * HOUR, None))


@pytest.mark.parametrize("at", [FIRST, LAST, NOW - 2 * DAY, NOW + MINUTE])
def test_a_sensors_clock_that_cannot_be_right_dates_nothing(at: datetime) -> None:
    seen = observation(_uplink(7, NOW), Reading(occupancy=Occupancy.OCCUPIED, at=at))
    assert (seen.seen_at, seen.heard_at) == (NOW, NOW)


def test_a_sensors_clock_that_is_set_back_dates_its_frame_and_does_not_silence_it() -> None:
    """By five hours, as a MOKO LW009-SM's was."""
    space, _ = observe(_SPACE, observation(_uplink(7, NOW), Reading(occupancy=Occupancy.OCCUPIED, at=NOW)))
    vacant = Reading(occupancy=Occupancy.VACANT, at=NOW - 5 * HOUR)
    space, steps = observe(space, observation(_uplink(8, NOW + MINUTE), vacant))
    assert (space.state, space.seen_at) == ("FREE", NOW + MINUTE)
    assert [step.at for step in steps] == [NOW]


def test_a_space_keeps_the_frame_of_its_occupancy() -> None:
    assert last_seen(_SPACE) is None
    occupied, _ = observe(_SPACE, observation(_uplink(7, NOW), Reading(occupancy=Occupancy.OCCUPIED)))
    later, _ = observe(occupied, observation(_uplink(8, NOW + MINUTE), Reading()))
    assert last_seen(later) == frame(7)


# The law


class Sent(NamedTuple):
    """A frame, and when the clocks of the network say that it was heard."""

    f_cnt: int
    heard_at: datetime
    occupancy: Occupancy
    battery_percent: int


@st.composite
def stories(draw: st.DrawFn) -> list[Sent]:
    """A device's frames with increasing counters, by clocks that step by up to an hour."""
    frames: list[Sent] = []
    f_cnt, true_time = draw(st.integers(0, 1000)), NOW - DAY
    for _ in range(draw(st.integers(1, 8))):
        f_cnt += draw(st.integers(1, 9))
        true_time += timedelta(seconds=draw(st.integers(0, 5400)))
        frames.append(
            Sent(
                f_cnt=f_cnt,
                heard_at=true_time - timedelta(seconds=draw(st.integers(0, 3600))),
                occupancy=draw(st.sampled_from(Occupancy)),
                battery_percent=draw(st.integers(1, 100)),
            )
        )
    return frames


def _uplink(f_cnt: int, heard_at: datetime) -> Uplink:
    return Uplink(
        deduplication_id=UUID(int=f_cnt),
        device=DeviceIdentity(dev_eui=DevEui("a840410000000001")),
        time=heard_at,
        heard_at=heard_at,
        received_at=NOW,
        dev_addr="01a2d830",
        f_cnt=f_cnt,
        f_port=1,
        data=b"\x01",
    )


_SPACE = Space(id=SpaceId(1), since=NOW - 2 * DAY)


@given(data=st.data(), story=stories())
def test_the_space_ends_in_the_state_of_the_frame_with_the_highest_counter(
    data: st.DataObject, story: list[Sent]
) -> None:
    """In any order of delivery, with repeats."""
    space: Space = _SPACE
    for sent in data.draw(st.permutations(story + data.draw(st.lists(st.sampled_from(story), max_size=5)))):
        reading = Reading(occupancy=sent.occupancy, battery_percent=sent.battery_percent)
        space, _ = observe(space, observation(_uplink(sent.f_cnt, sent.heard_at), reading))
    last = story[-1]
    assert (space.seen_f_cnt, space.occupancy, space.battery_percent) == (
        last.f_cnt,
        last.occupancy,
        last.battery_percent,
    )
    assert space.heard_at == max(sent.heard_at for sent in story)


@given(data=st.data(), story=stories())
def test_the_snapshot_of_a_device_ends_in_the_frame_with_the_highest_counter(
    data: st.DataObject, story: list[Sent]
) -> None:
    snapshots: Any = {}
    for sent in data.draw(st.permutations(story + data.draw(st.lists(st.sampled_from(story), max_size=5)))):
        reading = DeviceReading(
            uplink=_uplink(sent.f_cnt, sent.heard_at), reading=Reading(counter=sent.f_cnt, fault=str(sent.f_cnt))
        )
        _, now = kept([reading], snapshots, every=HOUR)
        snapshots |= now
    ((_, last),) = snapshots.items()
    assert (last.f_cnt, last.fault) == (story[-1].f_cnt, str(story[-1].f_cnt))
