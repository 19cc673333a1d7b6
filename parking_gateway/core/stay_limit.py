"""How long a car may stay: limits of a space, of an audience, and of hours of the day. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from parking_gateway.core.audience import Audience

_DAYS = 8
"""If no hours of the first days are long enough for the limit, no later ones are."""


class StayLimit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The longest stay, in seconds. It can be that of one audience, and of hours of the day."""

    seconds: int
    audience: Audience | None = None
    """None: of spaces whose audience has no limit of its own."""
    begins: time | None = None
    """By the clock of the site. None: at any hour."""
    ends: time | None = None
    """Before `begins`: on the next day."""


def limits_of(
    *, audience: Audience | None, of_space: int | None, of_zone: int | None, limits: Sequence[StayLimit]
) -> Sequence[StayLimit]:
    """The limits of a space: its own one, else those of its audience, else those of its zone for everybody. All in seconds."""
    if of_space is not None:
        return (StayLimit(seconds=of_space),)
    if audience and (found := [one for one in limits if one.audience is audience]):
        return found
    everybody = [one for one in limits if one.audience is None]
    return everybody if of_zone is None else [*everybody, StayLimit(seconds=of_zone)]


def exceeded_at(limits: Sequence[StayLimit], *, since: datetime, now: datetime, time_zone: ZoneInfo) -> datetime | None:
    """Since when a car that came at `since` has stayed for too long by one of the limits. None: it has not until now.

    By a limit with hours, a car that came before them stays from their beginning on.
    """
    found = [_exceeded_at(limit, since=since, now=now, time_zone=time_zone) for limit in limits]
    return min((one for one in found if one is not None and one <= now), default=None)


def _exceeded_at(limit: StayLimit, *, since: datetime, now: datetime, time_zone: ZoneInfo) -> datetime | None:
    longest = timedelta(seconds=limit.seconds)
    if limit.begins is None or limit.ends is None:
        return since + longest
    for begin, end in _hours(limit.begins, limit.ends, since=since, now=now, time_zone=time_zone):
        from_then_on = max(since, begin)
        if from_then_on + longest < end:
            return from_then_on + longest
    return None


def _hours(
    begins: time, ends: time, *, since: datetime, now: datetime, time_zone: ZoneInfo
) -> Iterator[tuple[datetime, datetime]]:
    """These hours of the days from `since` to now. Twice a year they are an hour longer or shorter."""
    day = since.astimezone(time_zone).date() - timedelta(days=1)
    last = min(now.astimezone(time_zone).date(), day + timedelta(days=_DAYS))
    while day <= last:
        end_day = day if ends > begins else day + timedelta(days=1)
        begin = datetime.combine(day, begins, tzinfo=time_zone).astimezone(UTC)
        yield begin, datetime.combine(end_day, ends, tzinfo=time_zone).astimezone(UTC)
        day += timedelta(days=1)
