"""Curb events of CDS as a file of CSV, sent as it is read."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final

from parking_gateway.contract.exports import cds
from parking_gateway.store import stay_pages
from parking_gateway.web.api.endpoint import Asked, Endpoint, Moment, Name, Pieces
from parking_gateway.web.api.stays import LONGEST, period
from parking_gateway.web.desk import WebDesk

_SHORTEST: Final = timedelta(minutes=10)
"""The time of the first query. In it, 100,000 spaces have some ten thousand events."""
_LONGEST: Final = timedelta(days=1)
_FEW: Final = 1000
"""Events of a query below which the next one is for a longer time."""
_GROWTH: Final = 4


class EventsAsked(Asked, frozen=True, kw_only=True):
    """Which events."""

    since: Moment | None = None
    """Only those at this time or later. Left out: a day before `until`."""
    until: Moment | None = None
    """Only those before this time. Left out: now."""
    site: Name | None = None
    """Only those on spaces of this site."""


async def _events(desk: WebDesk, asked: EventsAsked) -> Pieces:
    since, until = period(asked.since, asked.until, now=desk.clock())
    return _lines(desk, since, until, asked.site)


async def _lines(desk: WebDesk, since: datetime, until: datetime, site: str | None) -> AsyncIterator[bytes]:
    text, part = cds.header(), _SHORTEST
    # CDS has the newest event first.
    while since < until:
        begin = max(since, until - part)
        (found,) = await desk.read(stay_pages.passages(since=begin, until=until, site=site))
        text += cds.lines(found, operator=desk.config.web.publisher)
        if text:
            yield text.encode()
        text, until = "", begin
        part = min(part * _GROWTH, _LONGEST) if len(found) < _FEW else _SHORTEST


ENDPOINTS: Final = (
    Endpoint(
        path="/exports/cds/events.csv",
        name="exportCdsEvents",
        summary="Curb events of CDS as CSV: cars that came and left, the newest first",
        details="An event requires a position, so spaces without one are left out. Without bounds, the events of the last day; at most"
        f" {LONGEST.days} days are between the two.",
        asked=EventsAsked,
        content="text/csv",
        is_streamed=True,
        work=_events,
    ),
)
