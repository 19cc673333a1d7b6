"""The past of a space, computed again after an uplink came late: what the log and the stays should be, and what differs. Pure.

A window is a part of a space's history, up to the present if it is not too long. Its frames are put in their order
(`clocks.compare`), what was offered is put between them by the time when each frame was heard, and the door decides again.
No row of the log is changed or deleted: a wrong one is withdrawn, and a right one is added that names it.

What cannot be read again stays as it was: frames whose codec fails now, and those of sensors that the space has no more.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cmp_to_key
from typing import Final
from uuid import UUID

import msgspec

from decoders import Occupancy
from parking_gateway.core.causes import Cause, SensorRemoved
from parking_gateway.core.clocks import compare
from parking_gateway.core.correcting import Correction, Kept, Logged, stay_corrections, step_corrections
from parking_gateway.core.sensor import Sensor, Sensors, sensor_key
from parking_gateway.core.space import Observation, Space, SpaceState, Transition, change_offer
from parking_gateway.core.stay import Arrival, Offer, offered
from parking_gateway.core.turn import turn

_later: Final = cmp_to_key(compare)
"""As a key, the order of a device's frames."""


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a part of a space's history."""

    space: Space
    """As it is now."""
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


class _Story(msgspec.Struct, frozen=True, kw_only=True):
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


def correction(window: Window) -> Correction:
    """Compute the window again, and compare."""
    space, story = window.space, _story(window)
    present = next((one for one in window.stays if one.is_present), None)
    kept = [
        one
        for one in window.stays
        if not story.is_before(one.departure, one.departed_at) and not story.is_behind(one.arrival, one.arrived_at)
    ]
    carried = next((one for one in reversed(kept) if story.is_before(one.arrival, one.arrived_at)), None)
    straddling = next((one for one in reversed(kept) if story.is_behind(one.departure, one.departed_at)), None)
    base = _base(window, story, is_occupied=carried is not None)
    made = turn({space.id: base}, [(space.id, cause) for cause in _causes(window, story)])
    end = made.spaces[space.id]
    if window.until is None and not _fits(end, space):
        return Correction(space=space, present=present)
    true_stays = [
        _ended(arrived, one.departed_at, one.departure)
        for one in made.course.stays
        if (arrived := carried if one.arrival is None else _arrived(one.arrival)) is not None
    ]
    car = made.course.arrivals.get(space.id)
    there = carried if car is None else _arrived(car)
    if end.occupancy is Occupancy.OCCUPIED and there is not None:
        true_stays.append(_not_ended(there, straddling, is_now=window.until is None))
    logged = [step for step in window.steps if story.has(step.cause, step.at)]
    wrong_steps, steps = step_corrections(space, logged, made.steps)
    wrong_stays, stays = stay_corrections(kept, true_stays)
    if window.until is None or present in kept:
        present = next((one for one in true_stays if one.is_present), None)
    return Correction(
        space=_afterwards(window, story, end, has_steps=bool(steps)),
        steps=steps,
        stays=stays,
        wrong_steps=wrong_steps,
        wrong_stays=wrong_stays,
        present=present,
        is_settled=(straddling is not None) == (end.occupancy is Occupancy.OCCUPIED)
        and (_last_step(space) == _last_step(end) or (bool(logged) and _last(logged) == _last(made.steps))),
    )


def _fits(end: Space, space: Space) -> bool:
    """Whether a history with this end can be the history of the space. Else not everything is known that has changed it."""
    is_alike = (end.occupancy is Occupancy.OCCUPIED) == (space.occupancy is Occupancy.OCCUPIED)
    # What each of several sensors has reported is in its row, and only its own next frame changes it.
    return offered(end) == offered(space) and (is_alike or space.sensors is None)


def _last_step(space: Space) -> tuple[datetime, SpaceState | None, str | None]:
    return space.since, space.previous, space.cause


def _last(steps: Sequence[Logged] | Sequence[Transition]) -> list[tuple[object, ...]]:
    return [(one.before, one.after, one.at, one.cause) for one in steps[-1:]]


def _story(window: Window) -> _Story:
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
    for cause, (at, occupancy) in changes.items():
        if (
            cause in read
            or cause in window.behind
            or at <= window.since
            or (window.until is not None and at > window.until)
        ):
            continue
        uplink = _uplink(cause)
        if uplink is None:
            removals.append(SensorRemoved(at=at, by=cause))
        else:
            found.append(Observation(occupancy=occupancy, seen_at=at, heard_at=at, f_cnt=0, cause=uplink))
    # Sorted twice, so that frames which cannot be ordered do not lie as they came.
    found.sort(key=lambda one: (one.heard_at, one.f_cnt, str(one.cause)))
    found.sort(key=_later)
    place = next((number for number, one in enumerate(found) if one.heard_at >= window.since), len(found))
    return _Story(
        before=found[:place],
        inside=_one_for_each_frame(found[place:]),
        removals=removals,
        causes_inside={str(one.cause) for one in found[place:]} | {one.by for one in removals},
        causes_before={str(one.cause) for one in found[:place]},
        causes_behind=window.behind,
        since=window.since,
        until=window.until,
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
        if found and _sensor_of(found[-1]) == _sensor_of(one) and compare(found[-1], one) == 0:
            if one.occupancy is Occupancy.OCCUPIED and found[-1].occupancy is Occupancy.VACANT:
                found[-1] = one
            continue
        found.append(one)
    return found


def _sensor_of(seen: Observation) -> str:
    return sensor_key(seen.dev_eui, seen.channel)


def _sensors_before(sensors: Sensors, frames: Sequence[Observation]) -> Sensors:
    """What each sensor had reported by these frames."""
    by_key = dict.fromkeys(sensors.by_key, Sensor())
    for seen in frames:
        if seen.occupancy is not None and (key := _sensor_of(seen)) in by_key:
            by_key[key] = Sensor(
                occupancy=seen.occupancy,
                seen_at=seen.heard_at,
                seen_dev_addr=seen.dev_addr,
                seen_f_cnt=seen.f_cnt,
                heard_at=seen.heard_at,
            )
    return Sensors(rule=sensors.rule, by_key=by_key)


def _base(window: Window, story: _Story, *, is_occupied: bool) -> Space:
    """The space as it was before the window."""
    space = window.space
    steps = [step for step in window.steps if story.is_before(step.cause, step.at)]
    offers = [offer for offer in window.offers if offer.at <= window.since]
    found = Space(id=space.id, since=window.since, occupancy=Occupancy.OCCUPIED if is_occupied else None)
    if offers:
        last = offers[-1]
        found, _ = change_offer(found, last.service, last.reservation, at=last.at, cause=last.cause)
    return msgspec.structs.replace(
        found,
        since=steps[-1].at if steps else min(space.since, window.since),
        previous=steps[-1].before if steps else None,
        cause=steps[-1].cause if steps else None,
        sensors=None if space.sensors is None else _sensors_before(space.sensors, story.before),
    )


def _causes(window: Window, story: _Story) -> Iterator[Cause]:
    """The frames of the window, and between them what was offered, and when sensors were removed."""
    offers = [
        one for one in window.offers if one.at > window.since and (window.until is None or one.at <= window.until)
    ]
    timed: list[Offer | SensorRemoved] = sorted([*offers, *story.removals], key=lambda one: one.at)
    heard_at = window.since
    for frame in story.inside:
        heard_at = max(heard_at, frame.heard_at)
        while timed and timed[0].at <= heard_at:
            yield timed.pop(0)
        yield frame
    yield from timed


def _arrived(arrival: Arrival) -> Kept:
    return Kept(None, arrival.at, arrival.cause, reservation=arrival.reservation)


def _ended(arrived: Kept, departed_at: datetime, departure: str) -> Kept:
    return msgspec.structs.replace(
        arrived, id=None, departed_at=max(departed_at, arrived.arrived_at), departure=departure, is_present=False
    )


def _not_ended(arrived: Kept, straddling: Kept | None, *, is_now: bool) -> Kept:
    """The stay of a car that is there at the end of the window."""
    if is_now:
        return msgspec.structs.replace(arrived, id=None, departed_at=None, departure=None, is_present=True)
    found = msgspec.structs.replace(arrived, id=None, departed_at=None, departure=None, is_present=False)
    if straddling is None:
        return found
    return msgspec.structs.replace(
        found, departed_at=straddling.departed_at, departure=straddling.departure, is_present=straddling.is_present
    )


def _afterwards(window: Window, story: _Story, end: Space, *, has_steps: bool) -> Space:
    """The space after the correction. Only a window that ends now can change more than its version."""
    space = window.space
    if window.until is not None:
        return msgspec.structs.replace(space, version=space.version + 1) if has_steps else space
    is_as_it_was = (end.occupancy is Occupancy.OCCUPIED) == (space.occupancy is Occupancy.OCCUPIED)
    if (
        is_as_it_was
        and not has_steps
        and (_last_step(space) == _last_step(end) or space.previous is end.previous is None)
    ):
        return space
    after = msgspec.structs.replace(
        space, since=end.since, previous=end.previous, cause=end.cause, version=space.version + 1
    )
    if not is_as_it_was:
        after = msgspec.structs.replace(after, occupancy=end.occupancy or Occupancy.VACANT)
        if story.inside:
            last = story.inside[-1]
            after = msgspec.structs.replace(
                after, seen_at=last.heard_at, seen_dev_addr=last.dev_addr, seen_f_cnt=last.f_cnt
            )
    return after if after.state is SpaceState.OCCUPIED else msgspec.structs.replace(after, overstay=None)
