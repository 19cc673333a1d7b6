"""The gateway's tables and retained messages, compared with the ledger. Every difference is a sentence that names its day."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import psycopg

from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.year.city import BEGIN, DAY, date_of
from tests.year.ledger import PRIME, Ledger
from tests.year.life import Life

Row = tuple[Any, ...]
_NUMBER: Final = "('x' || right(deduplication_id::text, 12))::bit(48)::bigint"
_DAY: Final = "extract(epoch from date_trunc('day', {} at time zone 'UTC') - '2031-01-01')::bigint / 86400"
_UPLINKS: Final = f"""
select {_DAY.format("time")}, count(*), sum({_NUMBER}), sum({_NUMBER} * {_NUMBER} %% {PRIME})
from uplink where time >= %(first)s and time < %(after)s group by 1
"""
_STAYS: Final = f"""
select zone.name, {_DAY.format("departed_at")}, count(*), sum(extract(epoch from departed_at - past_stay.arrived_at))::bigint
from past_stay join space on space.id = past_stay.space join zone on zone.id = space.zone_id
where withdrawn_at is null and departed_at >= %(first)s and departed_at < %(after)s group by 1, 2
"""
_HOURS: Final = f"""
select
    zone, {_DAY.format("hour")}, sum(arrivals)::bigint, sum(departures)::bigint, sum(occupied_seconds)::bigint,
    sum(stay_seconds)::bigint
from occupancy_hour where hour >= %(first)s and hour < %(after)s group by 1, 2
"""
_SPACES: Final = "select ltrim(space.name, 's')::int, state, contact from space"
_RESERVATIONS: Final = f"""
select {_DAY.format("lower(during)")}, status, count(*) from reservation
where lower(during) >= %(first)s and lower(during) < %(after)s group by 1, 2
"""
_SILENT: Final = """
select ('x' || right(dev_eui, 8))::bit(32)::bigint, count(*) from notice
where kind = 'silent' and dev_eui is not null group by 1
"""
_ALSO_SILENT: Final = """
select coalesce(sum((details ->> 'devices')::bigint), 0)::bigint from notice where kind = 'silent' and dev_eui is null
"""
_OVERSTAYS: Final = "select ltrim(space, 's')::int, count(*) from notice where kind = 'overstay' group by 1"
_UNSETTLED: Final = "select (select count(*) from late) + (select count(*) from stale_hour)"


class _Retained(msgspec.Struct):
    state: str
    contact: str


_retained: Final = msgspec.json.Decoder(_Retained).decode


class Truth:
    """Compares."""

    def __init__(self, life: Life, ledger: Ledger) -> None:
        self._life = life
        self._ledger = ledger

    def days(self, url: str, first: int, after: int) -> list[str]:
        """The uplinks, stays, hours and reservations of some days. Days that retention has dropped must not be among them."""
        span = {"first": BEGIN + first * _ONE_DAY, "after": BEGIN + after * _ONE_DAY}
        with psycopg.connect(url) as connection:

            def rows(query: str) -> list[Row]:
                return connection.execute(query.encode(), span).fetchall()

            found = [rows(query) for query in (_UPLINKS, _STAYS, _HOURS, _RESERVATIONS)]
        ledger, zones = self._ledger, self._life.zones
        days = range(first, after)
        uplinks = {day: (ledger.uplinks[day], ledger.numbers[day], ledger.squares[day]) for day in days}
        cells = [(number, one.name, day) for number, one in enumerate(zones) for day in days]
        stays, hours = {}, {}
        for number, name, day in cells:
            cell = number * ledger.days + day
            stay = (ledger.departures[cell], ledger.stay_seconds[cell])
            stays[name, day] = stay
            hours[name, day] = (ledger.arrivals[cell], stay[0], ledger.occupied_seconds[cell], stay[1])
        reserved = {key: (count,) for key, count in ledger.reservations.items() if key[0] in days}
        return [
            *_differences("uplinks (number, sums)", uplinks, {row[0]: row[1:] for row in found[0]}),
            *_differences("stays (number, seconds)", stays, {row[:2]: row[2:] for row in found[1]}),
            *_differences("hours (arrivals, departures, seconds)", hours, {row[:2]: row[2:] for row in found[2]}),
            *_differences("reservations", reserved, {row[:2]: row[2:] for row in found[3]}),
        ]

    async def present(self, url: str, broker_url: str, time: int) -> list[str]:
        """The state of every space and of its retained message, and the notices, at this time."""
        with psycopg.connect(url) as connection:
            spaces, silent, ((also_silent,),), overstays = (
                connection.execute(query).fetchall() for query in (_SPACES, _SILENT, _ALSO_SILENT, _OVERSTAYS)
            )
        expected = self._states(time)
        try:
            retained = await read_retained(broker_url, f"{ROOT}/spaces")
        except TimeoutError:
            return ["The broker has not handed out its retained messages in time"]
        messages = {int(topic.rpartition("/s")[2]): _retained(payload) for topic, payload in retained.items()}
        ledger = self._ledger
        late = {space: sum(at <= time for at in limits) for space, limits in ledger.overstays.items()}
        return [
            *_differences("state", expected, {row[0]: row[1:] for row in spaces}),
            *_differences("retained state", expected, {key: (one.state, one.contact) for key, one in messages.items()}),
            *self.of_silence(dict(silent), also_silent),
            *_differences(
                "notices of overstays",
                {key: (count,) for key, count in late.items() if count},
                {row[0]: row[1:] for row in overstays},
                self._of_overstay,
            ),
        ]

    def of_silence(self, named: Mapping[int, int], others: int) -> Iterator[str]:
        """Every dead sensor has one notice of its own, or is among the devices that a notice only counts.

        Args:
            named: The number of notices that name each device.
            others: The devices that notices count and do not name, as after a restart, when many are lost in one hour.

        """
        dead = self._ledger.silent
        expected = {device: (1,) for device in dead if device in named or not others}
        found = {device: (count,) for device, count in named.items()}
        yield from _differences("notices of silence", expected, found, self._of_sensor)
        if others and (unnamed := len(dead.keys() - named)) != others:
            yield f"notices of silence that name no sensor: of {others} devices, and {unnamed} is true"

    def is_settled(self, url: str) -> bool:
        """Whether no correction of the past waits."""
        with psycopg.connect(url) as connection:
            return connection.execute(_UNSETTLED.encode()).fetchone() == (0,)

    def _states(self, time: int) -> dict[int, tuple[str, str]]:
        life = self._life
        closed = set(life.closed(time))
        return {
            space: (
                "MAINTENANCE" if space in closed else "OCCUPIED" if life.is_occupied[space] else "FREE",
                "never" if not life.has_spoken(space) else "lost" if space in life.dead else "live",
            )
            for space in range(life.spaces)
        }

    def _of_sensor(self, device: int) -> str:
        day = self._ledger.silent.get(device)
        return "" if day is None else f", which died on {date_of(day)}"

    def _of_overstay(self, space: int) -> str:
        return "".join(f", limit on {date_of(at // DAY)}" for at in self._ledger.overstays.get(space, ()))


_ONE_DAY: Final = BEGIN.replace(day=2) - BEGIN
_SHOWN: Final = 5


def _differences(what: str, expected: dict[Any, Any], found: dict[Any, Any], more: Any = lambda _: "") -> Iterator[str]:
    """A sentence for each of the first differences, and one with the number of the others."""
    nothing = tuple(0 for _ in next(iter([*found.values(), *expected.values()]), ()))
    wrong = [
        key
        for key in expected.keys() | found.keys()
        if tuple(expected.get(key, nothing)) != tuple(found.get(key, nothing))
    ]
    wrong.sort(key=lambda key: (_day(key), str(key)))
    for key in wrong[:_SHOWN]:
        yield f"{what} of {_named(key)}{more(key)}: {found.get(key, nothing)}, and {expected.get(key, nothing)} is true"
    if len(wrong) > _SHOWN:
        yield f"{what}: {len(wrong) - _SHOWN} more differences"


def _day(key: Any) -> int:
    return next((part for part in (key if isinstance(key, tuple) else (key,)) if isinstance(part, int)), 0)


def _named(key: Any) -> str:
    if isinstance(key, tuple):
        return " ".join(str(date_of(part)) if isinstance(part, int) else part for part in key)
    return str(key)
