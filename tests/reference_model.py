"""A space as its rules read, minute by minute. It shares no code with the gateway, so tests compare the gateway with it."""
# ruff: noqa: D102 - the names of the methods are the rules

from collections.abc import Mapping
from typing import Any


class Plan:
    """A reservation of the model."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end, self.status = start, end, "booked"


class Model:
    """A space with its reservations."""

    def __init__(self, *, grace: int, soon: int, keeps: bool) -> None:
        self.grace, self.soon, self.keeps = grace, soon, keeps
        self.plans: list[Plan] = []
        self.now = 0
        self.has_car = False
        self.car_since = -999
        self.is_closed = False
        self.is_heard = True
        self.reserved_since = 0
        self.over = -999  # when the one that held last was over

    @property
    def current(self) -> Plan | None:
        return next((one for one in self.plans if one.status in {"holding", "checked_in"}), None)

    @property
    def state(self) -> str:
        if self.is_closed:
            return "MAINTENANCE"
        if self.has_car:
            return "OCCUPIED"
        return "RESERVED" if self.current else "FREE"

    @property
    def is_pending(self) -> bool:
        return self.state == "OCCUPIED" and self.current is not None and self.current.status == "holding"

    def pass_minutes(self, minutes: int, *, is_away: bool) -> None:
        last = self.now + minutes
        if is_away:
            for plan in self.plans:
                if plan.status == "booked" and plan.end <= last:
                    plan.status = "expired"
        ends = -999
        while self.now < last:
            self.now += 1
            ends = self._tick(ends if is_away else -999)

    def look(self) -> None:
        """Whatever is due at this minute, for what was booked or freed within it."""
        self._tick(-999)

    def _tick(self, ended: int) -> int:
        was = self.state
        plan = self.current
        if plan is not None and plan.end <= self.now:
            plan.status, ended = ("completed" if plan.status == "checked_in" else "expired"), plan.end
        elif plan is not None and self._has_nobody_come(plan):
            plan.status, ended = "no_show", self.now
        self.over = max(self.over, ended)
        self._settled(was)
        was = self.state
        for plan in sorted(self.plans, key=lambda one: one.start):
            if (
                plan.status == "booked" and plan.end <= self.now
            ):  # one that was shown early has kept the space meanwhile
                plan.status, ended = "expired", plan.end
            elif plan.status == "booked" and plan.start - self.soon <= self.now and self.current is None:
                kept_from = max(plan.start - self.soon, ended, self.over)
                is_arrival = self.state == "OCCUPIED" and self.car_since >= kept_from
                plan.status = "checked_in" if is_arrival else "holding"
        self._settled(was)
        return ended

    def _has_nobody_come(self, plan: Plan) -> bool:
        is_judged = plan.status == "holding" and self.state == "RESERVED" and self.is_heard
        return is_judged and self.now >= max(plan.start, self.reserved_since) + self.grace

    def _settled(self, was: str) -> None:
        if self.state != was and self.state == "RESERVED":
            self.reserved_since = self.now

    def arrive(self) -> None:
        self.has_car, self.is_heard = True, True
        if not self.is_closed:
            self.car_since = self.now
        plan = self.current
        if plan is not None and not self.is_closed:
            plan.status = "checked_in"

    def leave(self) -> None:
        was, plan = self.state, self.current
        self.has_car, self.is_heard = False, True
        if plan is not None and plan.status == "checked_in" and not self.keeps:
            plan.status, self.over = "released", self.now
        self._settled(was)

    def cancel(self, plan: Plan) -> None:
        if plan is self.current:
            self.over = self.now
        plan.status = "cancelled"

    def close(self, *, is_closed: bool) -> None:
        was = self.state
        self.is_closed = is_closed
        if self.state == "OCCUPIED":
            self.car_since = self.now  # since when the space shows it
        self._settled(was)


class CountedModel:
    """A zone that is counted at its ramp. The counter sends totals, and the zone shows what they add up to."""

    def __init__(self, *, capacity: int) -> None:
        self.capacity = capacity
        self.count = self.drift = 0
        self.came = self.left = 0
        self._sent: tuple[int, int] | None = None

    def send(self) -> tuple[int, int]:
        """The totals of an uplink. The first one says only where the counter begins."""
        before, self._sent = self._sent, (self.came, self.left)
        if before is not None:
            cars = self.count + (self.came - before[0]) - (self.left - before[1])
            self.count = max(0, min(self.capacity, cars))
            self.drift += cars - self.count
        return self._sent

    def set(self, count: int) -> None:
        self.count, self.drift = count, 0


class WatchedModel:
    """A space with sensors, some of which are observed first. It is occupied if one of those that decide it reports a car."""

    def __init__(self, observed: Mapping[Any, int]) -> None:
        self.observed: dict[str, int] = {**observed}
        self.reported: dict[str, bool] = {}

    def hear(self, sensor: str, *, is_occupied: bool) -> bool:
        if self.observed.get(sensor, 0) != 0:
            self.observed[sensor] -= 1
            return False
        self.reported[sensor] = is_occupied
        return True

    @property
    def is_occupied(self) -> bool | None:
        return any(self.reported.values()) if self.reported else None
