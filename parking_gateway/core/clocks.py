"""Two decisions that nothing else makes: when a message was heard, and which of two frames of a device is the later one. Pure.

Every clock on the way of an uplink can be wrong: the sensor's, a LoRaWAN gateway's (ChirpStack believes a gateway with GPS
time), the network server's, and ours. So `when` checks the time that a message claims, and `compare` orders frames of one
session by their counter where clocks are too coarse.
"""

from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

AT_ONCE: Final = timedelta(minutes=1)
"""Two right clocks differ by this at most. The network server's clock may be ahead of ours by this."""
STEP: Final = timedelta(hours=1)
"""A right clock is set back by this at most. Frames further apart are ordered by when they were heard."""
JUST_NOW: Final = STEP - AT_ONCE
"""A message of this age is within any `reach`, because the shortest `reach` is `STEP`."""
COUNTERS_APART: Final = 64
"""Frames of one session with counters further apart are ordered by when they were heard, because a counter can restart."""
_NO_TIME: Final = timedelta()
_AT_ONCE_AHEAD: Final = -AT_ONCE


class WrongClock(msgspec.Struct, frozen=True, kw_only=True):
    """A time that was not believed."""

    claimed: datetime
    receiver: str | None = None
    """Id of the LoRaWAN gateway that claimed it. None: the network server's clock or ours is wrong."""


class Numbered(Protocol):
    """The fields that order the frames of a device."""

    @property
    def heard_at(self) -> datetime:
        """When the network heard it."""

    @property
    def dev_addr(self) -> str | None:
        """Session of the counter. None: unknown, because the source is not a frame."""

    @property
    def f_cnt(self) -> int:
        """The frame counter."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The frame that a value comes from."""

    heard_at: datetime
    dev_addr: str | None = None
    f_cnt: int = 0


def reach(session_expiry: timedelta) -> timedelta:
    """The age of the oldest message that can be right: the broker keeps messages for `session_expiry`."""
    return session_expiry + STEP


def when(
    time: datetime, server_time: datetime | None, received_at: datetime, *, reach: timedelta
) -> tuple[datetime, datetime]:
    """Return the key of a message that claims `time`, and when it was heard. The two differ where `time` is not believed.

    The key depends on the content of the message only, so a redelivery has the same key. `server_time` is the network
    server's own clock at its receipt; None: the message has none. It counts if it is at most `reach` older than
    `received_at`, our own clock, and at most a minute newer. Then `time` is believed if it differs from `server_time` by a
    minute at most. Without `server_time`, `time` is believed within the same limits. Else `received_at` counts.
    """
    # Only differences, because a sum with a time of the year 1 or 9999 overflows.
    key = time
    if server_time is not None:
        if not agree(time, server_time):
            key = server_time
        if _AT_ONCE_AHEAD <= received_at - server_time <= reach:
            return key, key
    return key, time if _AT_ONCE_AHEAD <= received_at - time <= reach else received_at


def was_just_now(time: datetime, received_at: datetime) -> bool:
    """Whether our own clock agrees. If the network server's clock agrees too, as nearly always, `when` is not needed."""
    return _NO_TIME <= received_at - time <= JUST_NOW


def agree(one: datetime, other: datetime) -> bool:
    """Whether two clocks with these times at one moment can both be right."""
    return _AT_ONCE_AHEAD <= one - other <= AT_ONCE


def compare(one: Numbered, other: Numbered) -> int:
    """Positive: `one` is the later of two frames of one device; negative: `other` is; 0: they cannot be ordered."""
    counted, elapsed = one.f_cnt - other.f_cnt, one.heard_at - other.heard_at
    of_one_session = (
        one.dev_addr is not None
        and one.dev_addr == other.dev_addr
        and -COUNTERS_APART <= counted <= COUNTERS_APART
        and -STEP <= elapsed <= STEP
    )
    by_clock = (elapsed > _NO_TIME) - (elapsed < _NO_TIME)
    return (counted or by_clock) if of_one_session else (by_clock or counted)


def is_held_back(one: Numbered, by: Numbered) -> bool:
    """Whether a frame counts as older than another although its counter is higher: a clock is wrong."""
    return one.dev_addr is not None and one.dev_addr == by.dev_addr and one.f_cnt > by.f_cnt and compare(one, by) < 0
