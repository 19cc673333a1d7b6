"""A day of a space and its reservations: the core of the gateway, beside a plain model of the rules."""
# ruff: noqa: D102 - the names of the rules are sentences

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from decoders import Occupancy
from parking_gateway.core.causes import Cause, ReservationEnd, ReservationExtension, ServiceOrder, Silence
from parking_gateway.core.diary import Booking, Hours, due
from parking_gateway.core.reservation import LIVE, ReservationStatus
from parking_gateway.core.space import (
    LEGAL_STEPS,
    Contact,
    Observation,
    Service,
    Space,
    SpaceId,
    SpaceState,
    Transition,
)
from parking_gateway.core.turn import turn
from tests.reference_model import Model, Plan

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
A = SpaceId(1)
SPACE = Space(id=A, since=NOON - 999 * MINUTE, contact=Contact.LIVE, heard_at=NOON - MINUTE)


def at(minutes: int) -> datetime:
    return NOON + minutes * MINUTE


class Day(RuleBasedStateMachine):
    """The gateway's core and the model live through the same day."""

    @initialize(grace=st.sampled_from([3, 15]), soon=st.sampled_from([0, 0, 5]), keeps=st.booleans())
    def begin(self, grace: int, soon: int, keeps: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        self.model = Model(grace=grace, soon=soon, keeps=keeps)
        self.space = SPACE
        self.statuses: list[ReservationStatus] = []
        self.log: list[Transition] = []
        self.frames = 0

    # --- the gateway

    def take(self, *causes: Cause) -> bool:
        made = turn({A: self.space}, [(A, one) for one in causes])
        self.space = made.spaces[A]
        self.log += made.steps
        for step in made.reservations:
            self.statuses[int(step.reservation)] = step.status
        return bool(made.reservations)

    def go_round(self) -> None:
        """Until nothing is due, as the clock does every second."""
        model = self.model
        while True:
            bookings = [
                Booking(
                    id=str(number),
                    space=A,
                    start=at(one.start),
                    end=at(one.end),
                    status=status,
                    grace=model.grace * MINUTE,
                    is_kept_on_leaving=model.keeps,
                )
                for number, (one, status) in enumerate(zip(model.plans, self.statuses, strict=True))
                if status in LIVE
            ]
            if not self.take(*due(self.space, bookings, Hours(now=at(model.now), soon=model.soon * MINUTE))):
                return

    def can_be_heard(self) -> bool:
        """Once in a minute."""
        return self.space.heard_at != at(self.model.now)

    def see(self, occupancy: Occupancy) -> None:
        self.frames += 1
        now = at(self.model.now)
        self.take(Observation(occupancy=occupancy, seen_at=now, heard_at=now, f_cnt=self.frames, cause=None))

    # --- what happens

    @rule(minutes=st.integers(1, 20))
    def time_passes(self, minutes: int) -> None:
        for _ in range(minutes):
            self.model.pass_minutes(1, is_away=False)
            self.go_round()

    @rule(minutes=st.integers(2, 60))
    def the_gateway_is_away(self, minutes: int) -> None:
        self.model.pass_minutes(minutes, is_away=True)
        self.go_round()

    @precondition(lambda self: not self.model.has_car and self.can_be_heard())
    @rule()
    def a_car_arrives(self) -> None:
        self.model.arrive()
        self.see(Occupancy.OCCUPIED)

    @precondition(lambda self: self.model.has_car and self.can_be_heard())
    @rule()
    def a_car_leaves(self) -> None:
        self.model.leave()
        self.see(Occupancy.VACANT)
        self.model.look()
        self.go_round()

    @rule(start=st.integers(0, 40), length=st.integers(1, 40))
    def somebody_books(self, start: int, length: int) -> None:
        start += self.model.now
        live = [one for one, status in zip(self.model.plans, self.statuses, strict=True) if status in LIVE]
        if any(one.start < start + length and start < one.end for one in live):
            return
        self.model.plans.append(Plan(start, start + length))
        self.statuses.append(ReservationStatus.BOOKED)
        self.model.look()
        self.go_round()

    @precondition(lambda self: any(status in LIVE for status in self.statuses))
    @rule(data=st.data())
    def somebody_cancels(self, data: st.DataObject) -> None:
        number = self._one_of_the_live(data)
        self.model.cancel(self.model.plans[number])
        end = ReservationEnd(
            reservation=str(number), status=ReservationStatus.CANCELLED, at=at(self.model.now), by="anna"
        )
        self.take(end)
        self.model.look()
        self.go_round()

    @precondition(lambda self: any(status in LIVE for status in self.statuses))
    @rule(data=st.data(), more=st.integers(-10, 30))
    def somebody_extends(self, data: st.DataObject, more: int) -> None:
        plan = self.model.plans[number := self._one_of_the_live(data)]
        end = plan.end + more
        others = [
            one
            for one, status in zip(self.model.plans, self.statuses, strict=True)
            if status in LIVE and one is not plan
        ]
        if end <= max(plan.start, self.model.now) or any(one.start < end and plan.start < one.end for one in others):
            return
        plan.end = end
        self.take(ReservationExtension(reservation=str(number), end=at(end), at=at(self.model.now), by="anna"))

    @precondition(
        lambda self: self.space.service_at != at(self.model.now)
    )  # of two orders of one time, the first counts
    @rule()
    def the_space_is_closed_or_opened(self) -> None:
        self.model.close(is_closed=not self.model.is_closed)
        service = Service.MAINTENANCE if self.model.is_closed else Service.IN_SERVICE
        self.take(ServiceOrder(service=service, at=at(self.model.now), by="anna"))

    @rule()
    def the_sensor_is_lost(self) -> None:
        self.model.is_heard = False
        self.take(Silence(now=at(self.model.now) + MINUTE / 2, lost_after=timedelta(), listening_since=NOON - MINUTE))

    def _one_of_the_live(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([number for number, one in enumerate(self.statuses) if one in LIVE]))

    # --- what holds all the time

    @invariant()
    def both_agree(self) -> None:
        model = self.model
        assert self.space.state.value == model.state
        assert [one.value for one in self.statuses] == [one.status for one in model.plans]
        assert self.space.is_pending == model.is_pending
        current = model.current
        assert (self.space.reservation is None) == (current is None)
        if current is not None and self.space.reservation is not None:
            assert self.space.reservation.end == at(current.end)

    @invariant()
    def the_log_is_legal_and_ends_in_the_state(self) -> None:
        assert all(one.after in LEGAL_STEPS[one.before] for one in self.log)
        assert all(one.after is other.before and one.at <= other.at for one, other in pairwise(self.log))
        assert [SpaceState.FREE, *(one.after for one in self.log)][-1] is self.space.state


TestDay = Day.TestCase
TestDay.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
