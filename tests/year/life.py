"""The life of the city: cars, sensors, and people who reserve. It makes the uplinks of each hour, in the order of their publication.

Some uplinks are published twice, some come hours late, some LoRaWAN gateways have clocks that drift, and sensors die.
"""

import heapq
from array import array
from collections import defaultdict
from random import Random
from typing import Final, NamedTuple

from parking_gateway.contract.publication import Publication
from tests.year.city import DAY, HOUR, MARKET, MINUTE, VALET, Zone, next_arrival, stay_of
from tests.year.frames import uplink
from tests.year.ledger import Ledger

_BEAT, _ARRIVE, _LEAVE, _DIE, _DELIVER = range(5)
_TWICE: Final = 0.005
_LATE: Final = 0.002
_DRIFTING: Final = 40
"""One space in so many is heard by a LoRaWAN gateway whose clock drifts."""
_DRIFT_PER_DAY: Final = 7
"""Seconds. Every 30 days somebody sets the clock."""
_BELIEVED: Final = MINUTE
"""A gateway's time is believed if it differs from the network server's by this at most: docs/reference/limits.md."""
_OVERSTAYS: Final = 0.004
_MARKET_CARS: Final = 8.0
"""Cars of a day for each space of the market place."""
_MOST_DEVICES: Final = 10_000_000
BELL: Final = 0
"""A space of the market place that changes at the end of each slice. Once that is shown, all uplinks before it are recorded."""


class Published(NamedTuple):
    """An uplink on its way to the broker."""

    at: int
    """When it is published."""
    publication: Publication
    space: int
    changed_at: int
    """The time of the change that it brings to a space of the market place; else 0."""


class Plan(NamedTuple):
    """How the city is simulated."""

    days: int
    cars_per_day: float
    heartbeat: int
    lost_after: int
    """Seconds."""
    latest: int
    """Seconds by which uplinks come late at most."""
    service_life: int
    """Days that a sensor works on average."""
    last_death: int
    """Later deaths would not be noticed before the end."""


class Life:
    """All spaces, from a seed."""

    def __init__(self, zones: list[Zone], plan: Plan, ledger: Ledger, *, seed: int) -> None:
        self.zones = zones
        self.plan = plan
        self.ledger = ledger
        self.spaces = zones[-1].first + zones[-1].spaces
        self.zone_of = array("i", [number for number, zone in enumerate(zones) for _ in range(zone.spaces)])
        self.is_occupied = bytearray(self.spaces)
        self.device = array("q", range(1, self.spaces + 1))
        self.dead: dict[int, int] = {}
        """Spaces whose sensors have died, with the last uplink's time."""
        self.number = 0
        self._f_cnt = array("q", [0] * self.spaces)
        self._sent_at = array("q", [0] * self.spaces)
        self._arrived_at = array("q", [0] * self.spaces)
        self._closed_until = array("q", [0] * self.spaces)
        self._dice = Random(seed)
        self._agenda: dict[int, list[tuple[int, int, int, Published | None]]] = defaultdict(list)
        self._hour = 0
        for space in range(BELL + 1, self.spaces):
            # A whole heartbeat is spread, so that sensors do not speak at once.
            self._plan(self._dice.randrange(plan.heartbeat), space, _BEAT)
            self._plan_arrival(space, 0)
            self._plan_death(space, 0)

    def slice(self, begin: int, end: int) -> list[Published]:
        """The uplinks of these hours. Slices follow each other. The last one is the bell's."""
        made: list[Published] = []
        for hour in range(begin, end):
            self._live(hour, made)
        (self._leave if self.is_occupied[BELL] else self._arrive)(BELL, end * HOUR - 1, made)
        return made

    def _live(self, hour: int, made: list[Published]) -> None:
        self._hour = hour
        agenda = self._agenda.pop(hour, [])
        heapq.heapify(agenda)
        self._agenda[hour] = agenda
        while agenda:
            time, space, action, held = heapq.heappop(agenda)
            if held is not None:
                made.append(held)
            elif space in self.dead:
                continue
            elif action == _DIE:
                self._die(space, time)
            elif action == _BEAT:
                self._beat(space, time, made)
            elif action == _ARRIVE:
                self._arrive(space, time, made)
            else:
                self._leave(space, time, made)
        del self._agenda[hour]

    def reserve(self, space: int, *, arrives: int | None, leaves: int) -> None:
        """Somebody will come to a reserved space, or not."""
        if arrives is not None:
            self._plan(arrives, space, _ARRIVE)
            self._plan(leaves, space, _LEAVE)

    def close(self, space: int, until: int) -> None:
        """No car comes to a space in maintenance."""
        self._closed_until[space] = until

    def closed(self, time: int) -> list[int]:
        """Spaces in maintenance."""
        return [space for space, until in enumerate(self._closed_until) if until > time]

    def has_spoken(self, space: int) -> bool:
        """Whether its sensor has sent an uplink."""
        return self._f_cnt[space] > 0

    def replace_sensor(self, space: int, time: int) -> int:
        """Somebody installs a new sensor, which speaks soon. Returns its number."""
        del self.dead[space]
        self.device[space] += _MOST_DEVICES
        self._f_cnt[space] = 0
        self._plan(time + HOUR + self._dice.randrange(HOUR), space, _BEAT)
        self._plan_death(space, time)
        self._plan_arrival(space, time + 3 * HOUR)
        return self.device[space]

    def is_quiet(self, space: int) -> bool:
        """Whether people can close it: no car, a sensor that works, and an ordinary car park."""
        kind = self.zones[self.zone_of[space]].kind
        return not self.is_occupied[space] and space not in self.dead and kind not in {MARKET, VALET}

    def shorten(self, days: int) -> None:
        """Let it end earlier than planned. From now on no sensor dies."""
        self.plan = self.plan._replace(days=min(days, self.plan.days), last_death=0)

    def end(self, time: int) -> None:
        """Note the cars that are there at the end."""
        for space in range(self.spaces):
            if self.is_occupied[space]:
                self.ledger.present(self.zone_of[space], self._arrived_at[space], time)

    def _plan(self, time: int, space: int, action: int, held: Published | None = None) -> None:
        entry = (time, space, action, held)
        hour = time // HOUR
        if hour <= self._hour and self._hour in self._agenda:
            heapq.heappush(self._agenda[self._hour], entry)
        else:
            self._agenda[hour].append(entry)

    def _plan_death(self, space: int, after: int) -> None:
        self._plan(after + int(self._dice.expovariate(1 / (self.plan.service_life * DAY))), space, _DIE)

    def _plan_arrival(self, space: int, after: int) -> None:
        kind = self.zones[self.zone_of[space]].kind
        if kind is not VALET:
            cars = _MARKET_CARS if kind is MARKET else self.plan.cars_per_day
            self._plan(next_arrival(kind, after, cars, self._dice), space, _ARRIVE)

    def _beat(self, space: int, time: int, made: list[Published]) -> None:
        due = self._sent_at[space] + self.plan.heartbeat
        if due > time and self._f_cnt[space]:
            self._plan(due, space, _BEAT)
            return
        self._send(space, time, made)
        self._plan(time + self.plan.heartbeat, space, _BEAT)

    def _arrive(self, space: int, time: int, made: list[Published]) -> None:
        if (until := self._closed_until[space]) > time:
            self._plan_arrival(space, until + DAY)
            return
        if self.is_occupied[space]:  # of a car that was planned before the sensor died
            return
        kind = self.zones[self.zone_of[space]].kind
        self.is_occupied[space] = True
        self._arrived_at[space] = seen = self._send(space, time, made, is_change=True)
        self.ledger.arrived(self.zone_of[space], seen)
        if kind is VALET or space == BELL:
            return
        stay = stay_of(kind, self._dice)
        if kind.max_stay is not None and self._dice.random() < _OVERSTAYS:
            stay = kind.max_stay + DAY + self._dice.randrange(DAY)
            self.ledger.overstays[space].append(seen + kind.max_stay)
        self._plan(time + stay, space, _LEAVE)

    def _leave(self, space: int, time: int, made: list[Published]) -> None:
        self.is_occupied[space] = False
        seen = self._send(space, time, made, is_change=True)
        self.ledger.departed(self.zone_of[space], self._arrived_at[space], seen)
        if space != BELL:
            self._plan_arrival(space, time)

    def _die(self, space: int, time: int) -> None:
        """Only without a car, so that it is known what is true until a person comes."""
        kind = self.zones[self.zone_of[space]].kind
        if not self._f_cnt[space] or self.is_occupied[space] or kind in {MARKET, VALET} or time > self.plan.last_death:
            self._plan(time + DAY, space, _DIE)
            return
        self.dead[space] = self._sent_at[space]
        self.ledger.silent[self.device[space]] = time // DAY

    def _send(self, space: int, time: int, made: list[Published], *, is_change: bool = False) -> int:
        """Send a frame, and return its time as it has to be believed."""
        claimed = seen = time
        is_market = space < self.zones[0].spaces
        if space % _DRIFTING == 0 and not is_market:
            drift = time // DAY % 30 * _DRIFT_PER_DAY * (1 if space % (2 * _DRIFTING) else -1)
            claimed = max(0, time + drift)
            seen = claimed if abs(drift) <= _BELIEVED else time
        self.number += 1
        self._f_cnt[space] += 1
        self._sent_at[space] = time
        occupied = bool(self.is_occupied[space])
        frame = uplink(
            self.number, self.device[space], self._f_cnt[space], is_occupied=occupied, claimed=claimed, heard=time
        )
        self.ledger.sent(self.number, seen)
        published = Published(time, frame, space, seen if is_market and is_change else 0)
        kind = self.zones[self.zone_of[space]].kind
        # A late departure would make the gateway report an overstay, and a late arrival a no-show.
        is_plain = is_market or kind is VALET or (is_change and kind.max_stay is not None)
        odd = 1.0 if is_plain else self._dice.random()
        if odd < _LATE and time < self.plan.days * DAY - self.plan.latest - HOUR:
            delay = 10 * MINUTE + self._dice.randrange(self.plan.latest)
            self.ledger.happened["late"] += 1
            self._plan(time + delay, space, _DELIVER, published._replace(at=time + delay))
            return seen
        made.append(published)
        if odd < _LATE + _TWICE:
            self.ledger.happened["twice"] += 1
            made.append(published)
        return seen
