"""Zones that are counted at their entries and exits: from the totals of counters to the number of cars. Pure.

A counter sends totals since it began, and a total says by how much it has grown since another one. So a lost uplink costs nothing,
and the same total twice counts once.

Law: the growths of one counter, whatever the order of its totals and however often each is delivered, add up to the same number as
in order, as long as the counter does not begin again in between. If it begins again, a total from before that comes only after
it costs what was counted from it to the new beginning. The count is never negative and never above the capacity; what that hides is
the drift, so the count and the drift together are the sum. Bounds depend on the order of several counters, the sum does not.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final, NewType, assert_never
from zoneinfo import ZoneInfo

import msgspec

from parking_gateway.core.clocks import compare
from parking_gateway.core.notice import Notice, NoticeKind

ZoneId = NewType("ZoneId", int)
ZoneNames = tuple[str, str]
"""Of the site and the zone."""

WIDTHS: Final = (2**16, 2**32)
"""After its highest number, a counter of 16 or 32 bits goes on at 0."""
MOST_AT_ONCE: Final = 1000
"""A total that fell is a counter that went on at 0, if at most so many cars passed; else it began again."""
_LEAST_DRIFT: Final = 5
_SHARE_OF_CAPACITY: Final = 20
"""A notice is sent once the drift is 5 cars, or 5 % of the capacity."""


class CountDirection(StrEnum):
    """What passes a counter."""

    IN = "in"
    """Cars that drive in: `counter_in`, else `counter`."""
    OUT = "out"
    """Cars that drive out: `counter_out`, else `counter`, else `counter_in`."""
    BOTH = "both"
    """Both: `counter_in` and `counter_out`."""


class Total(msgspec.Struct, frozen=True):
    """A number of a counter, and the frame that had it."""

    heard_at: datetime
    dev_addr: str | None
    f_cnt: int
    value: int


class Track(msgspec.Struct, frozen=True):
    """The totals of one direction that have counted: the first and the last one."""

    first: Total
    last: Total


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What one frame of a counter has."""

    came: Total | None = None
    left: Total | None = None


class Tracks(msgspec.Struct, frozen=True, kw_only=True):
    """What a counter has counted, by direction."""

    came: Track | None = None
    left: Track | None = None


class ZoneCount(msgspec.Struct, frozen=True, kw_only=True):
    """The cars in a counted zone."""

    capacity: int
    count: int
    drift: int
    """Cars that the bounds hide: fewer than none (negative), or more than fit."""
    since: datetime
    """When the count was set, by a person or at night. Totals that were heard before have no effect."""


def set_count(count: int, *, capacity: int, at: datetime) -> ZoneCount:
    """The count as a person, or the night, sets it."""
    return ZoneCount(capacity=capacity, count=max(0, min(count, capacity)), drift=0, since=at)


def pass_by(zone: ZoneCount, tracks: Tracks, totals: Totals) -> tuple[ZoneCount, Tracks]:
    """The zone and the counter's tracks after one more frame."""
    came, growth_in = _advanced(tracks.came, totals.came, since=zone.since)
    left, growth_out = _advanced(tracks.left, totals.left, since=zone.since)
    if came is not tracks.came or left is not tracks.left:
        tracks = Tracks(came=came, left=left)
    return _add(zone, growth_in - growth_out), tracks


def totals_of(counters: Mapping[str, int | None], direction: CountDirection, frame: Total) -> Totals:
    """What counts of the counters of a reading, by the names of its fields. `frame` gives the totals their frame."""
    one, came, left = (counters.get(name) for name in ("counter", "counter_in", "counter_out"))
    match direction:
        case CountDirection.IN:
            return Totals(came=_total(frame, came, one))
        case CountDirection.OUT:
            return Totals(left=_total(frame, left, one, came))
        case CountDirection.BOTH:
            return Totals(came=_total(frame, came), left=_total(frame, left))
        case _:
            assert_never(direction)


def growth(before: int, after: int) -> int:
    """How many passed between two totals of a counter, the earlier one first."""
    if after >= before:
        return after - before
    over = min((after + width - before for width in WIDTHS if before < width), default=after)
    return over if over <= MOST_AT_ONCE else after


def last_reset(now: datetime, resets_at: time, time_zone: ZoneInfo) -> datetime:
    """The last moment at which a zone was due to begin again, at that time of the day of the site.

    A time that a day does not have, because clocks are set forward, is an hour later; of a time that it has twice, the first counts.
    """
    here = now.astimezone(time_zone)
    today = datetime.combine(here.date(), resets_at, time_zone)
    return today if today <= now else datetime.combine(here.date() - timedelta(days=1), resets_at, time_zone)


def drift_notice(names: ZoneNames, before: ZoneCount, after: ZoneCount, *, at: datetime) -> Notice | None:
    """A notice if the drift has just become large."""
    limit = max(_LEAST_DRIFT, after.capacity // _SHARE_OF_CAPACITY)
    if abs(after.drift) < limit or abs(before.drift) >= limit:
        return None
    site, zone = names
    details = {"site": site, "zone": zone, "count": after.count, "capacity": after.capacity, "drift": after.drift}
    return Notice(kind=NoticeKind.DRIFT, at=at, details=details)


def _add(zone: ZoneCount, cars: int) -> ZoneCount:
    if not cars:
        return zone
    count = max(0, min(zone.count + cars, zone.capacity))
    drift = zone.drift + zone.count + cars - count
    return msgspec.structs.replace(zone, count=count, drift=drift)


def _advanced(track: Track | None, total: Total | None, *, since: datetime) -> tuple[Track | None, int]:
    """The track with one more total, and the growth that it adds."""
    if total is None:
        return track, 0
    if track is None:
        return Track(total, total), 0
    if compare(total, track.last) > 0:
        grown = growth(track.last.value, total.value) if total.heard_at > since else 0
        return Track(track.first, total), grown
    if compare(total, track.first) < 0 and total.heard_at > since:
        # The first totals came in another order.
        return Track(total, track.last), growth(total.value, track.first.value)
    return track, 0


def _total(frame: Total, *values: int | None) -> Total | None:
    value = next((one for one in values if one is not None), None)
    return None if value is None else msgspec.structs.replace(frame, value=value)
