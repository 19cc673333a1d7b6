"""A simulated city: its kinds of car parks, and when cars come to each and leave it. Pure, from the dice that are given.

All times are seconds since the beginning of the simulated time, which is a midnight of UTC.
"""

from bisect import bisect
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

BEGIN: Final = datetime(2031, 1, 1, tzinfo=UTC)
"""The first moment: in the future, so that no partition and no row of the present is in the way."""
MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_HOLIDAYS: Final = frozenset(
    {
        (1, 1),
        (4, 11),
        (4, 14),
        (4, 27),
        (5, 1),
        (5, 22),
        (6, 2),
        (8, 15),
        (10, 3),
        (11, 1),
        (12, 25),
        (12, 26),
        (12, 31),
    }
)
"""Months and days on which everybody parks as on Sundays."""
_SUNDAY: Final = 6
_LONGEST_WAIT: Final = 60
"""Days."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind of car park is used."""

    name: str
    share: float
    """Of all spaces."""
    week: tuple[float, ...]
    """How busy each day is, from Monday on: 1 is a usual day."""
    hours: tuple[int, ...]
    """How many cars come in each hour of the day, in relation to each other."""
    shortest: int
    longest: int
    """Seconds of a stay."""
    max_stay: int | None = None
    """Seconds that a car may stay: more than the longest stay and a slice of the clock together. When a slice begins, its clock is at its
    end, and the departures of cars that have left within it are not published yet."""


def _curve(**busy: int) -> tuple[int, ...]:
    """Cars by the hour, such as h7=30."""
    return tuple(busy.get(f"h{hour}", 1) for hour in range(24))


MARKET: Final = Kind(
    name="market",
    share=0.0,
    week=(1, 1, 1, 1, 1, 1, 1),
    hours=_curve(**{f"h{hour}": 10 for hour in range(6, 22)}),
    shortest=20 * MINUTE,
    longest=100 * MINUTE,
)
"""The market place: a few spaces with all their traffic. By them the latency is measured."""
VALET: Final = Kind(name="valet", share=0.01, week=(0,) * 7, hours=_curve(), shortest=HOUR, longest=HOUR)
"""Spaces that are only reserved."""
KINDS: Final = (
    Kind(
        name="commuters",
        share=0.35,
        week=(1, 1, 1, 1, 0.9, 0.2, 0.1),
        hours=_curve(h6=20, h7=60, h8=70, h9=30, h10=8, h12=6, h13=8),
        shortest=7 * HOUR,
        longest=10 * HOUR,
    ),
    Kind(
        name="shops",
        share=0.30,
        week=(0.7, 0.7, 0.8, 0.9, 1.1, 1.4, 0.1),
        hours=_curve(h8=10, h9=25, h10=40, h11=45, h12=35, h13=35, h14=45, h15=50, h16=50, h17=45, h18=30, h19=12),
        shortest=30 * MINUTE,
        longest=4 * HOUR,
        max_stay=12 * HOUR,
    ),
    Kind(
        name="residents",
        share=0.24,
        week=(1, 1, 1, 1, 1.1, 0.8, 0.9),
        hours=_curve(h15=10, h16=20, h17=45, h18=55, h19=40, h20=25, h21=20, h22=15),
        shortest=9 * HOUR,
        longest=15 * HOUR,
    ),
    Kind(
        name="station",
        share=0.10,
        week=(1.1, 0.9, 0.9, 1, 1.3, 0.9, 0.7),
        hours=_curve(h4=10, h5=25, h6=40, h7=30, h8=20, h9=15, h12=10, h15=10, h18=8),
        shortest=DAY,
        longest=5 * DAY,
    ),
    VALET,
)
_SUMS: Final = {kind.name: list(accumulate(kind.hours)) for kind in (*KINDS, MARKET)}


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A car park: some spaces in a row."""

    site: str
    name: str
    kind: Kind
    first: int
    spaces: int


def zones_of(spaces: int, *, market: int, zone_spaces: int) -> list[Zone]:
    """The car parks of a city with so many spaces. The market place is the first one."""
    made = [Zone(site="market", name="market", kind=MARKET, first=0, spaces=market)]
    first = market
    for kind in KINDS:
        of_kind = max(1, round((spaces - market) * kind.share)) if kind is not KINDS[-1] else spaces - first
        for number, start in enumerate(range(0, of_kind, zone_spaces)):
            size = min(zone_spaces, of_kind - start)
            made.append(Zone(site=kind.name, name=f"{kind.name}-{number + 1}", kind=kind, first=first, spaces=size))
            first += size
    return made


def day_of(time: float) -> int:
    """The number of the day, 0 for the first."""
    return int(time // DAY)


def date_of(day: int) -> date:
    """The date of a day."""
    return (BEGIN + timedelta(days=day)).date()


def next_arrival(kind: Kind, after: int, cars_per_day: float, dice: Random) -> int:
    """When the next car comes to a space that is vacant since `after`."""
    day = day_of(after)
    for _ in range(_LONGEST_WAIT):
        if dice.random() < min(1.0, cars_per_day * _busy(kind, day)):
            time = day * DAY + _second_of_day(kind, dice)
            if time > after + 10 * MINUTE:
                return time
        day += 1
    return day * DAY + _second_of_day(kind, dice)


def stay_of(kind: Kind, dice: Random) -> int:
    """For how long a car stays."""
    return dice.randint(kind.shortest, kind.longest)


def _busy(kind: Kind, day: int) -> float:
    today = date_of(day)
    return kind.week[_SUNDAY if (today.month, today.day) in _HOLIDAYS else today.weekday()]


def _second_of_day(kind: Kind, dice: Random) -> int:
    sums: Sequence[int] = _SUMS[kind.name]
    hour = bisect(sums, dice.random() * sums[-1])
    return min(hour, 23) * HOUR + dice.randrange(HOUR)
