"""Gaps in the frame counters of device sessions: uplinks that were sent and never recorded. Pure."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

import msgspec

from parking_gateway.core.events import DevEui


class Gap(msgspec.Struct, frozen=True):
    """Missing uplinks between two recorded ones of a device session."""

    dev_eui: DevEui
    dev_addr: str
    at: datetime
    """When the frame after it was heard."""
    first: int
    """The first missing counter."""
    last: int

    @property
    def uplinks(self) -> int:
        """How many are missing."""
        return self.last - self.first + 1


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """The gaps of one look at the uplinks, compared with the look before."""

    opened: list[Gap]
    """Gaps that have to be written."""
    closed: list[Gap]
    """Gaps that are no more, or have become smaller ones among `opened`."""
    lost: dict[DevEui, int]
    """Uplinks that are missing and were not before, by device."""
    filled: int
    """Uplinks that were missing and have come."""


def changes(known: Collection[Gap], found: Collection[Gap]) -> Changes:
    """Compare the gaps that are known with those that the uplinks have now."""
    opened, closed = [*set(found) - set(known)], [*set(known) - set(found)]
    earlier: dict[tuple[DevEui, str], list[Gap]] = defaultdict(list)
    for gap in closed:
        earlier[gap.dev_eui, gap.dev_addr].append(gap)
    lost: dict[DevEui, int] = {}
    still = 0
    for gap in opened:
        kept = min(gap.uplinks, sum(_overlap(gap, one) for one in earlier[gap.dev_eui, gap.dev_addr]))
        still += kept
        if kept < gap.uplinks:
            lost[gap.dev_eui] = lost.get(gap.dev_eui, 0) + gap.uplinks - kept
    filled = max(0, sum(gap.uplinks for gap in closed) - still)
    return Changes(opened=sorted(opened, key=_order), closed=sorted(closed, key=_order), lost=lost, filled=filled)


def _overlap(one: Gap, other: Gap) -> int:
    return max(0, min(one.last, other.last) - max(one.first, other.first) + 1)


def _order(gap: Gap) -> tuple[DevEui, str, datetime, int]:
    return gap.dev_eui, gap.dev_addr, gap.at, gap.first
