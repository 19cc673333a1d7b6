"""The law of event time: steps and stays end as if every frame had come when it was heard, whatever the order of arrival."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from decoders import Occupancy
from parking_gateway.core.correcting import Kept, Logged
from parking_gateway.core.history import Window, correction
from parking_gateway.core.reservation import Reservation, ReservationStatus
from parking_gateway.core.space import Observation, Service, Space, SpaceId
from parking_gateway.core.stay import Late, Offer
from parking_gateway.core.turn import Cause, ReservationEnd, ReservationStart, ServiceOrder, turn

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
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
