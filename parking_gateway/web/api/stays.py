"""Stays of cars that have ended, in the order of their ends: a program that reads on where it stopped misses none.

A correction after a late uplink has a new id and may lie before that place: docs/reference/http-api.md.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from parking_gateway.contract.overview import Page, StayItem, stay_item
from parking_gateway.core.overview import EndedStay
from parking_gateway.store import stay_pages
from parking_gateway.store.stay_pages import WantedStays
from parking_gateway.web.api.endpoint import Endpoint, Moment, Name, PageAsked, Whole, moment, paged
from parking_gateway.web.api.problem import wrong
from parking_gateway.web.desk import WebDesk

LONGEST: Final = timedelta(days=31)
"""Time that one request may ask for."""
_DAY: Final = timedelta(days=1)
_FIRST_PART: Final = timedelta(minutes=10)
_GROWTH: Final = 8


class StaysAsked(PageAsked, frozen=True, kw_only=True):
    """Which stays, by the names that the space had when the car came."""

    since: Moment | None = None
    """Only those that ended at this time or later. Left out: a day before `until`."""
    until: Moment | None = None
    """Only those that ended before this time. Left out: now."""
    site: Name | None = None
    """Only those on spaces of this site."""
    zone: Name | None = None
    """Only those on spaces of zones with this name."""
    space: Name | None = None
    """Only those on spaces with this name."""


def period(since: str | None, until: str | None, *, now: datetime) -> tuple[datetime, datetime]:
    """The time range of a request: the last day, unless it has other bounds."""
    end = moment(until, name="until") or now
    begin = moment(since, name="since") or end - _DAY
    if not timedelta(0) < end - begin <= LONGEST:
        raise wrong(f"since has to be before until, and at most {LONGEST.days} days: ask for such a time.")
    return begin, end


async def _stays(desk: WebDesk, asked: StaysAsked) -> Whole:
    since, until = period(asked.since, asked.until, now=desk.clock())
    wanted = WantedStays(site=asked.site, zone=asked.zone, space=asked.space)
    begin, behind = (since, -1) if asked.after is None else _read_place(asked.after)
    rows: list[EndedStay] = []
    part = _FIRST_PART
    # A short part at first, because the stays of it are sorted; longer ones where hardly a car leaves.
    while begin < until and len(rows) <= asked.limit:
        end = min(begin + part, until)
        missing = asked.limit + 1 - len(rows)
        (found,) = await desk.read(stay_pages.stays(wanted, since=begin, after_id=behind, until=end, limit=missing))
        rows += found
        begin, behind, part = end, -1, part * _GROWTH
    # With its bounds, because without them the next page would have others.
    return paged(rows, _bounded(asked, since, until), path=_STAYS, place=_place, item=stay_item)


def _bounded(asked: StaysAsked, since: datetime, until: datetime) -> StaysAsked:
    return StaysAsked(
        limit=asked.limit,
        after=asked.after,
        since=_written(since),
        until=_written(until),
        site=asked.site,
        zone=asked.zone,
        space=asked.space,
    )


def _place(row: EndedStay) -> str:
    return f"{_written(row.departed_at)}_{row.id}"


def _read_place(after: str) -> tuple[datetime, int]:
    at, _, key = after.partition("_")
    begin = moment(at, name="after")
    if begin is None or not key.isdecimal():
        raise wrong(f"after={after} is no place in this list: take the address of `next`.")
    return begin, int(key)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


_STAYS: Final = "/stays"
ENDPOINTS: Final = (
    Endpoint(
        path=_STAYS,
        name="listStays",
        summary="Stays that ended from `since` up to `until`, by their ends",
        details=f"Without bounds, those of the last day. At most {LONGEST.days} days are between the two.",
        asked=StaysAsked,
        answers=Page[StayItem],
        work=_stays,
    ),
)
