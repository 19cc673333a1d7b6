"""The law of event time: steps and stays end as if every frame had come when it was heard, whatever the order of arrival."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy
from parking_gateway.core.causes import (
    Cause,
    OverstayAcknowledged,
    ReservationEnd,
    ReservationStart,
    SensorRemoved,
    SensorsFitted,
    ServiceOrder,
    StayExceeded,
)
from parking_gateway.core.correcting import Correction, Kept, Logged
from parking_gateway.core.events import DevEui
from parking_gateway.core.history import correction
from parking_gateway.core.reservation import Reservation, ReservationStatus
from parking_gateway.core.sensor import Sensor, SensorRule, Sensors
from parking_gateway.core.space import Observation, Overstay, Service, Space, SpaceId, SpaceState
from parking_gateway.core.stay import Late, Offer
from parking_gateway.core.turn import turn
from parking_gateway.core.window import Window

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
MINUTE = timedelta(minutes=1)
SPACE = SpaceId(1)
WHO = "anna"


class Book(msgspec.Struct):
    """What a database keeps of one space."""

    space: Space
    log: list[Logged] = []
    withdrawn: set[int] = set()
    stays: list[Kept] = []
    wrong_stays: set[int] = set()
    present: Kept | None = None
    offers: list[Offer] = []
    frames: list[Observation] = []
    late: Late | None = None
    ids: count = msgspec.field(default_factory=lambda: count(1))  # type: ignore[type-arg] # of msgspec

    def take(self, *causes: Cause) -> None:
        """One transaction."""
        made = turn({SPACE: self.space}, [(SPACE, cause) for cause in causes])
        self.frames += [cause for cause in causes if isinstance(cause, Observation)]
        self.log += [Logged(next(self.ids), one.before, one.after, one.at, one.cause) for one in made.steps]
        for one in made.course.stays:
            arrived = (
                self.present
                if one.arrival is None
                else Kept(None, one.arrival.at, one.arrival.cause, reservation=one.arrival.reservation)
            )
            assert arrived is not None
            departed_at = max(one.departed_at, arrived.arrived_at)
            self.stays.append(
                msgspec.structs.replace(
                    arrived, id=next(self.ids), departed_at=departed_at, departure=one.departure, is_present=False
                )
            )
        self.space = made.spaces[SPACE]
        if (car := made.course.arrivals.get(SPACE)) is not None:
            self.present = Kept(None, car.at, car.cause, reservation=car.reservation, is_present=True)
        elif self.space.occupancy is not Occupancy.OCCUPIED:
            self.present = None
        self.offers += made.course.offers
        if (late := made.course.late.get(SPACE)) is not None:
            self.late = late if self.late is None else self.late.and_also(late.since).and_also(late.until)

    def correct(self, *, at_once: int = 1000) -> None:
        """What the clock does: correct the history, some frames at a time."""
        while self.late is not None:
            since = self.late.since
            heard = sorted(one.heard_at for one in self.frames if one.heard_at >= since)
            until = heard[at_once - 1] if len(heard) > at_once else None
            assert until is None or until > since
            found = correction(
                Window(
                    space=self.space,
                    now=LATER,
                    since=since,
                    until=until,
                    frames=[
                        one
                        for one in self.frames
                        if one.heard_at >= since - 60 * MINUTE and (until is None or one.heard_at <= until)
                    ],
                    behind=frozenset(
                        str(one.cause) for one in self.frames if until is not None and one.heard_at > until
                    ),
                    offers=self.offers,
                    steps=self.true_log(),
                    stays=[*self.true_stays(), *([self.present] if self.present else [])],
                )
            )
            self.withdrawn |= {one.id for one in found.wrong_steps}
            for row in found.steps:
                number = next(self.ids)
                one = row.step
                self.log.append(Logged(number, one.before, one.after, one.at, one.cause))
                if row.is_withdrawal:
                    self.withdrawn.add(number)
            self.wrong_stays |= {one.id for one in found.wrong_stays if one.id is not None}
            for stay in found.stays:
                number = next(self.ids)
                self.stays.append(msgspec.structs.replace(stay.stay, id=number, corrects=stay.corrects))
                if stay.is_withdrawal:
                    self.wrong_stays.add(number)
            self.space, self.present = found.space, found.present
            is_over = until is None or (found.is_settled and until > self.late.until + 60 * MINUTE)
            self.late = None if is_over or until is None else Late(until, self.late.until)

    def true_log(self) -> list[Logged]:
        """The steps that happened."""
        return sorted((one for one in self.log if one.id not in self.withdrawn), key=lambda one: (one.at, one.id))

    def true_stays(self) -> list[Kept]:
        """The stays that happened."""
        return sorted(
            (one for one in self.stays if one.id not in self.wrong_stays), key=lambda one: (one.arrived_at, one.id or 0)
        )

    def history(self) -> tuple[list[object], list[object], object, object]:
        """All that does not depend on the order of arrival."""
        return (
            [(one.before, one.after, one.at, one.cause) for one in self.true_log()],
            [(*one.key, one.reservation) for one in self.true_stays()],
            None if self.present is None else (self.present.arrived_at, self.present.arrival, self.present.reservation),
            (self.space.state, self.space.since, self.space.previous, self.space.cause),
        )


def frame(number: int, minute: int, occupancy: Occupancy | None, *, behind: int = 0) -> Observation:
    heard_at = NOON + minute * MINUTE
    return Observation(
        occupancy=occupancy,
        seen_at=heard_at - behind * MINUTE,
        heard_at=heard_at,
        f_cnt=number,
        cause=UUID(int=number),
        dev_addr="01",
    )


@st.composite
def days(draw: st.DrawFn) -> list[Cause]:
    """Frames of a sensor, and between them orders and reservations, in their order."""
    minute = 0
    causes: list[Cause] = []
    booked: str | None = None
    for number in range(draw(st.integers(1, 12))):
        minute += draw(st.integers(1, 20))
        match draw(st.sampled_from(["frame"] * 5 + ["service", "reservation"])):
            case "frame":
                occupancy = draw(st.sampled_from([None, *Occupancy, *Occupancy]))
                causes.append(frame(number, minute, occupancy, behind=draw(st.sampled_from([0, 0, 0, 5, 30]))))
            case "service":
                service = draw(st.sampled_from(Service))
                causes.append(ServiceOrder(service=service, at=NOON + minute * MINUTE, by=WHO))
            case _:
                at = NOON + minute * MINUTE
                if booked is None:
                    booked = f"r{number}"
                    one = Reservation(id=booked, start=at, end=at + 60 * MINUTE, is_kept_on_leaving=True)
                    causes.append(ReservationStart(reservation=one, by=WHO))
                else:
                    status = ReservationStatus.COMPLETED
                    causes.append(ReservationEnd(reservation=booked, status=status, at=at, by=WHO))
                    booked = None
    return causes


def in_arrival(causes: Sequence[Cause], delays: Sequence[int]) -> list[Cause]:
    """Frames come late by so many minutes; the clock is never late."""

    def came_at(pair: tuple[int, Cause]) -> tuple[datetime, int]:
        number, cause = pair
        if isinstance(cause, Observation):
            return cause.heard_at + delays[number % len(delays)] * MINUTE, number
        if isinstance(cause, ReservationStart):
            return cause.reservation.start, number
        assert isinstance(cause, ServiceOrder | ReservationEnd)
        return cause.at, number

    return [cause for _, cause in sorted(enumerate(causes), key=came_at)]


def book() -> Book:
    return Book(Space(id=SPACE, since=NOON))


@given(
    days(),
    st.lists(st.integers(0, 90), min_size=1, max_size=5),
    st.sets(st.integers(0, 12)),
    st.sampled_from([3, 5, 1000]),
)
def test_steps_and_stays_end_as_if_everything_had_come_in_order(
    causes: list[Cause], delays: list[int], corrected_after: set[int], at_once: int
) -> None:
    expected = book()
    for cause in causes:
        expected.take(cause)
    assert expected.late is None
    found = book()
    for number, cause in enumerate(in_arrival(causes, delays)):
        found.take(cause)
        if number in corrected_after:
            found.correct(at_once=at_once)
    found.correct(at_once=at_once)
    assert found.history() == expected.history()


def visited() -> Book:
    """A car that came at minute 5 and left at minute 9."""
    found = book()
    for number, occupancy in ((1, Occupancy.VACANT), (5, Occupancy.OCCUPIED), (9, Occupancy.VACANT)):
        found.take(frame(number, number, occupancy))
    return found


def window(kept: Book, **changes: Any) -> Window:
    """Everything since the first minute."""
    stays = [*kept.true_stays(), *([kept.present] if kept.present else [])]
    fields: dict[str, Any] = {
        "space": kept.space,
        "now": LATER,
        "since": NOON + MINUTE,
        "frames": kept.frames,
        "offers": kept.offers,
        "steps": kept.true_log(),
        "stays": stays,
    }
    return Window(**fields | changes)


def is_unchanged(found: Correction) -> bool:
    return not (found.steps or found.stays or found.wrong_steps or found.wrong_stays)


def test_a_log_that_is_ahead_of_a_clock_stays_as_it_is() -> None:
    """The clock was a year ahead, and is right again: what is recorded now has no earlier time than what was recorded then."""
    kept = visited()
    kept.take(frame(3, 3, Occupancy.OCCUPIED))
    assert not is_unchanged(correction(window(kept)))
    ahead = NOON + 9 * MINUTE  # of the last step
    assert not is_unchanged(correction(window(kept, now=ahead - 60 * MINUTE)))
    assert is_unchanged(correction(window(kept, now=ahead - 61 * MINUTE)))


def test_a_frame_that_cannot_be_read_now_keeps_its_change() -> None:
    kept = visited()
    frames = [msgspec.structs.replace(one, occupancy=None) for one in kept.frames]
    unread = frozenset(str(one.cause) for one in frames)
    assert is_unchanged(correction(window(kept, frames=frames, unread=unread)))


def test_frames_that_are_stored_no_more_keep_their_changes() -> None:
    kept = visited()
    assert is_unchanged(correction(window(kept, frames=kept.frames[:1])))


def test_the_removal_of_a_sensor_stays_the_end_of_a_stay() -> None:
    kept = visited()
    kept.take(frame(12, 12, Occupancy.OCCUPIED))
    kept.take(SensorRemoved(at=NOON + 15 * MINUTE, by=WHO))
    found = correction(window(kept))
    assert is_unchanged(found)
    assert found.present is None


def test_of_two_frames_without_an_order_the_occupied_one_counts() -> None:
    kept = visited()
    twin = frame(9, 9, Occupancy.OCCUPIED)
    kept.take(msgspec.structs.replace(twin, cause=UUID(int=99)))
    kept.take(msgspec.structs.replace(twin, cause=UUID(int=98), occupancy=Occupancy.VACANT))
    found = correction(window(kept))
    assert [row.is_withdrawal for row in found.steps] == [True, True]
    assert [row.is_withdrawal for row in found.stays] == [True]
    assert found.present is not None
    assert found.present.arrived_at == NOON + 5 * MINUTE


def test_a_mended_codec_changes_the_state_too() -> None:
    kept = visited()
    mended = [*kept.frames[:2], msgspec.structs.replace(kept.frames[2], occupancy=None)]
    found = correction(window(kept, frames=mended))
    assert found.space.state is SpaceState.OCCUPIED
    assert found.space.seen_f_cnt == 5
    unread = correction(window(kept, frames=[], stays=[]))
    assert unread.space.state is SpaceState.FREE


def test_a_stay_in_place_of_an_overstay_is_one() -> None:
    kept = visited()
    kept.stays = [msgspec.structs.replace(one, is_overstay=True) for one in kept.stays]
    earlier = frame(3, 3, Occupancy.OCCUPIED)
    found = correction(window(kept, frames=[*kept.frames, earlier]))
    assert [(row.stay.arrived_at, row.stay.is_overstay) for row in found.stays] == [(NOON + 3 * MINUTE, True)]


def reserved(minute: int, name: str) -> ReservationStart:
    """A reservation of an hour from this minute on. It ends when its car leaves."""
    start = NOON + minute * MINUTE
    return ReservationStart(reservation=Reservation(id=name, start=start, end=start + 60 * MINUTE), by=name)


def test_a_reservation_that_was_made_after_its_start_stays_in_the_past() -> None:
    """The one before had been released since, by a car that left."""
    kept = book()
    kept.take(frame(1, 1, Occupancy.VACANT))
    kept.take(reserved(2, "r1"))
    kept.take(frame(3, 3, Occupancy.OCCUPIED))
    kept.take(frame(12, 12, Occupancy.VACANT))
    kept.take(reserved(10, "r2"))  # at 12:14
    kept.take(frame(20, 20, Occupancy.OCCUPIED))
    kept.take(frame(75, 75, Occupancy.VACANT))
    expected = kept.history()
    assert [one.reservation for one in kept.true_stays()] == ["r1", "r2"]
    kept.take(frame(5, 5, Occupancy.OCCUPIED))
    kept.correct()
    assert kept.history() == expected


def test_the_past_is_corrected_after_a_late_departure_has_released_a_reservation() -> None:
    """The departure was heard before an order that came first, and the space has no reservation since."""
    kept = book()
    kept.take(reserved(2, "r1"))
    kept.take(frame(5, 5, Occupancy.OCCUPIED))
    kept.take(ServiceOrder(service=Service.MAINTENANCE, at=NOON + 30 * MINUTE, by=WHO))
    kept.take(frame(20, 20, Occupancy.VACANT))
    kept.correct()
    kept.take(frame(8, 8, Occupancy.VACANT), frame(12, 12, Occupancy.OCCUPIED))
    kept.correct()
    stays = [(NOON + came * MINUTE, NOON + left * MINUTE) for came, left in ((5, 8), (12, 20))]
    assert [(one.arrived_at, one.departed_at) for one in kept.true_stays()] == stays


def flag(kept: Book, minute: int) -> None:
    """Flag the car that is there."""
    at = NOON + minute * MINUTE
    kept.take(StayExceeded(since=kept.space.since, parked_since=kept.space.since, until=at, at=at))
    assert kept.space.overstay is Overstay.EXCEEDED


@pytest.mark.parametrize("at_once", [2, 1000])
@pytest.mark.parametrize("seen_to", [[], [OverstayAcknowledged(at=NOON + 41 * MINUTE)]])
def test_a_car_that_came_later_has_no_overstay_of_the_one_before(seen_to: list[Cause], at_once: int) -> None:
    kept = book()
    kept.take(frame(5, 5, Occupancy.OCCUPIED))
    flag(kept, 40)
    kept.take(*seen_to)
    kept.take(frame(50, 50, Occupancy.OCCUPIED))
    kept.take(frame(30, 30, Occupancy.VACANT))
    kept.take(frame(35, 35, Occupancy.OCCUPIED))
    kept.correct(at_once=at_once)
    assert kept.present is not None
    assert kept.present.arrived_at == kept.space.since == NOON + 35 * MINUTE
    assert kept.space.overstay is None
    flag(kept, 70)


def test_a_car_that_came_later_during_maintenance_has_no_overstay_of_the_one_before() -> None:
    """The log has no step of such a change, but subscribers see the end of the overstay."""
    kept = book()
    kept.take(frame(5, 5, Occupancy.OCCUPIED))
    for minute, service in ((10, Service.MAINTENANCE), (30, Service.IN_SERVICE)):
        kept.take(ServiceOrder(service=service, at=NOON + minute * MINUTE, by=WHO))
    flag(kept, 40)
    before = kept.space
    kept.take(frame(50, 50, Occupancy.OCCUPIED))
    kept.take(frame(15, 15, Occupancy.VACANT))
    kept.take(frame(20, 20, Occupancy.OCCUPIED))
    kept.correct()
    assert (kept.space.since, kept.space.overstay) == (before.since, None)
    assert kept.space.version == before.version + 1


def test_a_car_that_came_earlier_than_was_known_keeps_its_overstay() -> None:
    kept = book()
    kept.take(frame(5, 5, Occupancy.OCCUPIED))
    flag(kept, 40)
    kept.take(frame(3, 3, Occupancy.OCCUPIED))
    kept.correct()
    assert kept.space.since == NOON + 3 * MINUTE
    assert kept.space.overstay is Overstay.EXCEEDED


def test_nothing_is_corrected_while_not_everything_is_known_that_was_offered() -> None:
    kept = visited()
    kept.take(ServiceOrder(service=Service.MAINTENANCE, at=NOON + 12 * MINUTE, by=WHO))
    assert is_unchanged(correction(window(kept, offers=[], frames=[])))


def test_the_past_of_a_space_with_several_sensors_follows_its_rule() -> None:
    keys = [f"a84041000000000{number}/0" for number in (1, 2)]
    sensors = Sensors(rule=SensorRule.ANY, by_key=dict.fromkeys(keys, Sensor()))

    def of(number: int, minute: int, occupancy: Occupancy) -> Observation:
        dev_eui = DevEui(keys[number - 1][:16])
        seen = frame(minute, minute, occupancy)
        return msgspec.structs.replace(seen, dev_eui=dev_eui, dev_addr=str(number))

    frames = [
        of(1, 1, Occupancy.OCCUPIED),
        of(2, 2, Occupancy.VACANT),
        of(1, 4, Occupancy.VACANT),
        of(2, 6, Occupancy.OCCUPIED),
        of(2, 8, Occupancy.VACANT),
    ]
    expected = Book(Space(id=SPACE, since=NOON, sensors=sensors))
    for one in frames:
        expected.take(one)
    found = Book(Space(id=SPACE, since=NOON, sensors=sensors))
    for place in (0, 1, 4, 2, 3):
        found.take(frames[place])
    found.correct()
    assert found.history()[:2] == expected.history()[:2]
    wrong = [msgspec.structs.replace(one, occupancy=Occupancy.OCCUPIED) for one in expected.frames]
    assert is_unchanged(correction(window(expected, frames=wrong)))
    frames = [msgspec.structs.replace(expected.frames[0], occupancy=None), *expected.frames]
    assert is_unchanged(correction(window(expected, frames=frames, since=NOON + 3 * MINUTE)))


@pytest.mark.parametrize("is_seen_to_leave", [True, False])
def test_stays_that_only_a_removed_sensor_of_several_saw_stay_as_they_are(*, is_seen_to_leave: bool) -> None:
    keys = [f"a84041000000000{number}/0" for number in (1, 2, 3)]

    def of(number: int, minute: int, occupancy: Occupancy) -> Observation:
        dev_eui = DevEui(keys[number - 1][:16])
        return msgspec.structs.replace(frame(minute, minute, occupancy), dev_eui=dev_eui, dev_addr=str(number))

    kept = Book(Space(id=SPACE, since=NOON, sensors=Sensors(by_key=dict.fromkeys(keys, Sensor()))))
    kept.take(of(2, 1, Occupancy.VACANT), of(1, 5, Occupancy.OCCUPIED))
    if is_seen_to_leave:
        kept.take(of(1, 9, Occupancy.VACANT))
    kept.take(SensorsFitted(sensors=frozenset(keys[1:]), sole=None, at=NOON + 30 * MINUTE, by=WHO))
    kept.take(of(2, 40, Occupancy.VACANT), of(2, 3, Occupancy.VACANT))
    installed = [one for one in kept.frames if one.dev_eui != keys[0][:16]]
    assert is_unchanged(correction(window(kept, frames=installed, since=NOON + 3 * MINUTE)))


@pytest.mark.parametrize("rule", SensorRule)
@pytest.mark.parametrize("first", Occupancy)
def test_the_channels_of_one_uplink_change_the_past_of_a_space_at_once(rule: SensorRule, first: Occupancy) -> None:
    device = DevEui("a840410000000001")
    other = Occupancy.VACANT if first is Occupancy.OCCUPIED else Occupancy.OCCUPIED

    def of(number: int, *reported: Occupancy) -> list[Observation]:
        return [
            msgspec.structs.replace(frame(number, number, one), dev_eui=device, channel=channel)
            for channel, one in enumerate(reported, start=1)
        ]

    by_key = {f"{device}/{channel}": Sensor() for channel in (1, 2)}
    kept = Book(Space(id=SPACE, since=NOON, sensors=Sensors(rule=rule, by_key=by_key)))
    for uplink in (of(1, Occupancy.VACANT, Occupancy.VACANT), of(5, first, other), of(9, other, first)):
        kept.frames += uplink
        kept.space = turn({SPACE: kept.space}, [(SPACE, one) for one in uplink]).spaces[SPACE]
    found = correction(window(kept))
    expected = [(SpaceState.FREE, SpaceState.OCCUPIED)] if rule is SensorRule.ANY else []
    assert [(row.step.before, row.step.after) for row in found.steps] == expected


def test_a_stay_whose_end_lies_behind_the_window_is_kept_without_one() -> None:
    kept = visited()
    late = frame(20, 20, Occupancy.OCCUPIED)
    found = correction(
        window(
            kept,
            frames=[*kept.frames, late],
            since=late.heard_at,
            until=late.heard_at + MINUTE,
            space=msgspec.structs.replace(kept.space, seen_at=NOON + 60 * MINUTE),
        )
    )
    assert [(row.stay.arrived_at, row.stay.departed_at) for row in found.stays] == [(late.heard_at, None)]
    assert not found.is_settled


def test_a_stay_that_began_in_the_window_keeps_its_end_behind_it() -> None:
    kept = visited()
    *inside, departure = kept.frames
    for behind in (set(), {str(departure.cause)}):
        assert is_unchanged(correction(window(kept, frames=inside, until=NOON + 7 * MINUTE, behind=frozenset(behind))))


def test_a_car_that_came_in_one_part_of_the_past_is_there_after_the_next_ones() -> None:
    """The parts end at 12:05, 12:08 and 13:04, and the last one alone is an hour behind the late frame."""
    expected, found = book(), book()
    arrival, late = frame(1, 2, Occupancy.OCCUPIED), frame(2, 3, Occupancy.VACANT)
    others = [frame(minute, minute, None) for minute in (4, 5, 7, 44, 64, 65)]
    others.insert(3, frame(8, 8, Occupancy.OCCUPIED))
    expected.take(arrival, late, *others)
    found.take(arrival, *others, late)
    found.correct(at_once=3)
    assert found.history() == expected.history()


def test_a_car_that_nothing_shows_is_not_there() -> None:
    kept = book()
    kept.take(frame(1, 1, Occupancy.OCCUPIED))
    assert correction(window(kept, frames=[], stays=[])).space.state is SpaceState.FREE
