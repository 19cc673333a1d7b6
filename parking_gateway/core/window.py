"""A window of a space's history, and its story: the frames in their order, and which changes happened in the window. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cmp_to_key
from typing import Final
from uuid import UUID

import msgspec

from decoders import Occupancy
from parking_gateway.core.causes import SensorRemoved
from parking_gateway.core.clocks import compare
from parking_gateway.core.correcting import Kept, Logged
from parking_gateway.core.sensor import SensorKey, sensor_key
from parking_gateway.core.space import Observation, Space
from parking_gateway.core.stay import Offer

_later: Final = cmp_to_key(compare)
"""As a key, the order of a device's frames."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a part of a space's history."""

    space: Space
    """As it is now."""
    now: datetime
    """By our clock or by the database's, whichever is behind."""
    since: datetime
    """When the first late frame was heard."""
    until: datetime | None = None
    """When the last frame of the window was heard. None: the window ends now."""
    frames: Sequence[Observation]
    """Those of the window, and some before it, because an earlier frame can have been heard later."""
    unread: frozenset[str] = frozenset()
    """The causes of frames that cannot be read now."""
    behind: frozenset[str] = frozenset()
    """Those of the frames that were heard within a day after the window: their own clocks may date them into it."""
    offers: Sequence[Offer] = ()
    """Those of the window and the last one before it, the oldest first."""
    steps: Sequence[Logged] = ()
    stays: Sequence[Kept] = ()
    """Steps and stays of the window, those before it that can be of its frames, and one more; the oldest first."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """The frames of a window in their order."""

    before: list[Observation]
    inside: list[Observation]
    removals: list[SensorRemoved]
    """When the space had no sensor any more."""
    causes_inside: set[str]
    causes_before: set[str]
    causes_behind: frozenset[str]
    since: datetime
    until: datetime | None
    is_whole: bool
    """Whether the window has the frame of each change of the stays in it."""

    def is_before(self, cause: str | None, at: datetime | None) -> bool:
        """Whether a change with this cause and time happened before the window."""
        if cause in self.causes_inside or cause in self.causes_behind or at is None:
            return False
        return cause in self.causes_before or at <= self.since

    def is_behind(self, cause: str | None, at: datetime | None) -> bool:
        """Whether it happened behind the window, or has not happened."""
        if cause in self.causes_inside or cause in self.causes_before:
            return False
        if cause in self.causes_behind:
            return True
        return at is None or (self.until is not None and at > self.until)

    def has(self, cause: str, at: datetime) -> bool:
        """Whether it happened in the window."""
        return not self.is_before(cause, at) and not self.is_behind(cause, at)


def story_of(window: Window) -> Story:
    """Put the frames in their order, with the changes whose frames nobody can read any more."""
    changes = {cause: (at, occupancy) for cause, at, occupancy in _changes(window.stays)}
    read = {str(one.cause) for one in window.frames}
    found = []
    for frame in window.frames:
        cause = str(frame.cause)
        if cause in window.unread and cause in changes:
            at, occupancy = changes[cause]
            frame = msgspec.structs.replace(frame, occupancy=occupancy, seen_at=at)  # noqa: PLW2901
        found.append(frame)
    removals = []
    is_whole = True
    for cause, (at, occupancy) in changes.items():
        if (
            cause in read
            or cause in window.behind
            or at <= window.since
            or (window.until is not None and at > window.until)
        ):
            continue
        is_whole = False
        uplink = _uplink(cause)
        if uplink is None:
            removals.append(SensorRemoved(at=at, by=cause))
        else:
            found.append(Observation(occupancy=occupancy, seen_at=at, heard_at=at, f_cnt=0, cause=uplink))
    # Sorted twice, so that frames which cannot be ordered do not lie as they came.
    decisive = window.space.rule.decisive
    found.sort(key=lambda one: (one.heard_at, one.f_cnt, str(one.cause), one.occupancy is not decisive))
    found.sort(key=_later)
    place = next((number for number, one in enumerate(found) if one.heard_at >= window.since), len(found))
    return Story(
        before=found[:place],
        inside=_one_for_each_frame(found[place:]),
        removals=removals,
        causes_inside={str(one.cause) for one in found[place:]} | {one.by for one in removals},
        causes_before={str(one.cause) for one in found[:place]},
        causes_behind=window.behind,
        since=window.since,
        until=window.until,
        is_whole=is_whole,
    )


def _changes(stays: Sequence[Kept]) -> Iterator[tuple[str, datetime, Occupancy]]:
    for one in stays:
        yield one.arrival, one.arrived_at, Occupancy.OCCUPIED
        if one.departed_at is not None and one.departure is not None:
            yield one.departure, one.departed_at, Occupancy.VACANT


def _uplink(cause: str) -> UUID | None:
    try:
        return UUID(cause)
    except ValueError:
        return None


def _one_for_each_frame(frames: Sequence[Observation]) -> list[Observation]:
    """Without the vacant one of two different uplinks that cannot be ordered, because then occupied wins."""
    found: list[Observation] = []
    for one in frames:
        if one.occupancy is None:
            continue
        if found and sensor_of(found[-1]) == sensor_of(one) and compare(found[-1], one) == 0:
            if one.occupancy is Occupancy.OCCUPIED and found[-1].occupancy is Occupancy.VACANT:
                found[-1] = one
            continue
        found.append(one)
    return found


def sensor_of(seen: Observation) -> SensorKey:
    """The sensor of a frame, by its key."""
    return sensor_key(seen.dev_eui, seen.channel)
