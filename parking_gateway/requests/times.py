"""Times in requests: in UTC for all verbs, but those without an offset, which are local times of a site."""

from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from parking_gateway.core.utc import in_utc
from parking_gateway.requests.desk import Code, Desk, Refusal
from parking_gateway.store import places

Asked = TypeVar("Asked", bound=msgspec.Struct)


def with_times_in_utc(asked: Asked) -> Asked | Refusal:
    """The parameters with their times in UTC. PostgreSQL would take a time of the year 10000, and nothing could read it again."""
    found = {one.name: getattr(asked, one.name) for one in msgspec.structs.fields(asked)}
    times = {name: _possible(at) for name, at in found.items() if isinstance(at, datetime)}
    for name, at in times.items():
        if at is None:
            return Refusal(Code.INVALID, f"{name} is beyond the calendar: choose a time of the years 2 to 9998")
    return msgspec.structs.replace(asked, **times) if times else asked


def _possible(at: datetime) -> datetime | None:
    """The time in UTC, or without an offset as it is; None: it may not exist in UTC."""
    if at.tzinfo is not None:
        return in_utc(at)
    return at if MINYEAR < at.year < MAXYEAR else None


async def utc(desk: Desk, site: str | None, at: datetime) -> datetime:
    """The time in UTC. Of a local time that comes twice, at the end of summer time, the first counts."""
    if at.tzinfo is not None:
        return at
    return at.replace(tzinfo=await zone_of(desk, site)).astimezone(UTC)


async def zone_of(desk: Desk, site: str | None) -> ZoneInfo:
    """The time zone of the site; UTC if there is no such site."""
    (name,) = await desk.connection.together(places.time_zone(site or ""))
    return ZoneInfo(name)
