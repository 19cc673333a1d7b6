"""Times in requests: those without an offset are local times of a site."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from parking_gateway.requests.desk import Desk
from parking_gateway.store import places


async def utc(desk: Desk, site: str | None, at: datetime) -> datetime:
    """The time in UTC. Of a local time that comes twice, at the end of summer time, the first counts."""
    if at.tzinfo is not None:
        return at.astimezone(UTC)
    return at.replace(tzinfo=await zone_of(desk, site)).astimezone(UTC)


async def zone_of(desk: Desk, site: str | None) -> ZoneInfo:
    """The time zone of the site; UTC if there is no such site."""
    (name,) = await desk.connection.together(places.time_zone(site or ""))
    return ZoneInfo(name)
