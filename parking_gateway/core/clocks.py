"""When something was heard, and which of two frames of a device is the later one. Nothing else decides either. Pure.

Every clock on the way of an uplink can be wrong: that of the sensor, of a LoRaWAN gateway (ChirpStack believes one that
claims GPS time), of the network server, and ours. So `when` says what is believed of what a message claims, and `compare`
orders frames of one session by their counter where clocks are too coarse for it.
"""

from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

AT_ONCE: Final = timedelta(minutes=1)
"""How far two clocks may differ that both are right; and how far ahead of ours the network server's may be."""
STEP: Final = timedelta(hours=1)
"""How far a clock that is right is ever set back. Frames further apart are ordered by when they were heard."""
JUST_NOW: Final = STEP - AT_ONCE
"""A message that is not older is within any `reach`, because the shortest one is `STEP`."""
COUNTERS_APART: Final = 64
"""Frames of one session whose counters are further apart are ordered by when they were heard: a counter may have restarted."""
_NO_TIME: Final = timedelta()
_AT_ONCE_AHEAD: Final = -AT_ONCE


class WrongClock(msgspec.Struct, frozen=True, kw_only=True):
    """A time that was not believed."""

    claimed: datetime
    receiver: str | None = None
    """Id of the LoRaWAN gateway that claimed it. None: the network server's clock or ours is wrong."""


class Numbered(Protocol):
    """What orders a frame of a device."""

    @property
    def heard_at(self) -> datetime:
        """When the network heard it."""

    @property
    def dev_addr(self) -> str | None:
        """Names the session that the counter belongs to. None: not known, as of what is no frame."""

    @property
    def f_cnt(self) -> int:
        """The frame counter."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The frame that something is known from."""

    heard_at: datetime
    dev_addr: str | None = None
    f_cnt: int = 0


def reach(session_expiry: timedelta) -> timedelta:
    """How old a message may be that is right: the broker keeps messages for `session_expiry`."""
    return session_expiry + STEP


def when(
    time: datetime, server_time: datetime | None, received_at: datetime, *, reach: timedelta
) -> tuple[datetime, datetime]:
    """The key of a message that claims `time`, and when it was heard. Where `time` is not believed, the latter is not `time`.

    The key is a function of the message's content alone: a redelivery has the same, however late it comes. `server_time` is
    the network server's own clock when the message came to it, None where that is not said. It counts where it is at most
    `reach` older than `received_at`, our own clock, and hardly newer; then `time` is believed where it differs from it by a
    minute at most. Without it, `time` is believed within the same limits, and else `received_at`.
    """
    # Differences only: a sum with a time of the year 1 or 9999 overflows.
    key = time
    if server_time is not None:
        if not agree(time, server_time):
            key = server_time
        if _AT_ONCE_AHEAD <= received_at - server_time <= reach:
            return key, key
    return key, time if _AT_ONCE_AHEAD <= received_at - time <= reach else received_at


def was_just_now(time: datetime, received_at: datetime) -> bool:
    """Whether our own clock agrees. Where the network server's does too, as nearly always, `when` need not be asked."""
    return _NO_TIME <= received_at - time <= JUST_NOW


def agree(one: datetime, other: datetime) -> bool:
    """Whether two clocks that show these times at once can both be right."""
    return _AT_ONCE_AHEAD <= one - other <= AT_ONCE


def compare(one: Numbered, other: Numbered) -> int:
    """Positive: `one` is the later of two frames of one device; negative: `other` is; 0: nobody can tell."""
    counted, heard = one.f_cnt - other.f_cnt, one.heard_at - other.heard_at
    of_one_session = (
        one.dev_addr is not None
        and one.dev_addr == other.dev_addr
        and -COUNTERS_APART <= counted <= COUNTERS_APART
        and -STEP <= heard <= STEP
    )
    by_clock = (heard > _NO_TIME) - (heard < _NO_TIME)
    return (counted or by_clock) if of_one_session else (by_clock or counted)


def is_held_back(one: Numbered, by: Numbered) -> bool:
    """Whether a frame counts as older than another although its counter is higher: a clock is wrong."""
    return one.dev_addr is not None and one.dev_addr == by.dev_addr and one.f_cnt > by.f_cnt and compare(one, by) < 0
