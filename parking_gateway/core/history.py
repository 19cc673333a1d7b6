"""The past of a space, computed again after an uplink came late: what the log and the stays should be, and what differs. Pure.

A window is a part of a space's history, up to the present if it is not too long. Its frames are put in their order
(`clocks.compare`), what was offered is put between them by the time when each frame was heard, and the door decides again.
No row of the log is changed or deleted: a wrong one is withdrawn, and a right one is added that names it.

What cannot be read again stays as it was: frames whose codec fails now, and those of sensors that the space has no more. Nothing is
corrected while the log is ahead of a clock.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from decoders import Occupancy
from parking_gateway.core.causes import Cause, SensorRemoved
from parking_gateway.core.clocks import STEP
from parking_gateway.core.correcting import Correction, Kept, Logged, stay_corrections, step_corrections
from parking_gateway.core.sensor import Sensor, Sensors
from parking_gateway.core.space import Observation, Space, SpaceState, Transition, change_offer
from parking_gateway.core.stay import Arrival, Offer, offered
from parking_gateway.core.turn import turn
from parking_gateway.core.window import Story, Window, sensor_of, story_of


def correction(window: Window) -> Correction:
    """Compute the window again, and compare."""
    space = window.space
    present = was_present = next((one for one in window.stays if one.is_present), None)
    nothing = Correction(space=space, present=present, was_present=was_present)
    if _was_set_back(window):
        return nothing
    story = story_of(window)
    # What a sensor that has left has reported besides is unknown, and without it the rule gives other changes.
    if space.sensors is not None and not story.is_whole:
        return nothing
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
        return nothing
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
    after = _afterwards(window, story, end, has_steps=bool(steps))
    if after.overstay is not None and _is_another(present, was_present):
        # The clock flags the car that is there when its own stay is too long.
        after = msgspec.structs.replace(after, overstay=None, version=space.version + 1)
    return Correction(
        space=after,
        steps=steps,
        stays=stays,
        wrong_steps=wrong_steps,
        wrong_stays=wrong_stays,
        present=present,
        was_present=was_present,
        is_settled=(straddling is not None) == (end.occupancy is Occupancy.OCCUPIED)
        and not _lacks_its_rest(straddling)
        and (_last_step(space) == _last_step(end) or (bool(logged) and _last(logged) == _last(made.steps))),
    )


def _was_set_back(window: Window) -> bool:
    """Whether the log has a step of a time that is still to come. Then a clock was set back, and the log does not follow the times."""
    return any(step.at - window.now > STEP for step in window.steps)


def _fits(end: Space, space: Space) -> bool:
    """Whether a history with this end can be the history of the space. Else not everything is known that has changed it."""
    is_alike = (end.occupancy is Occupancy.OCCUPIED) == (space.occupancy is Occupancy.OCCUPIED)
    # What each of several sensors has reported is in its row, and only its own next frame changes it.
    return offered(end) == offered(space) and (is_alike or space.sensors is None)


def _lacks_its_rest(stay: Kept | None) -> bool:
    """Whether an earlier window added the stay, and one that follows has to find its end, or that the car is there."""
    return stay is not None and stay.departed_at is None and not stay.is_present


def _is_another(present: Kept | None, was: Kept | None) -> bool:
    """Whether the car that was there has left, and another one came later."""
    return was is not None and (present is None or present.arrived_at > was.arrived_at)


def _last_step(space: Space) -> tuple[datetime, SpaceState | None, str | None]:
    return space.since, space.previous, space.cause


def _last(steps: Sequence[Logged] | Sequence[Transition]) -> list[tuple[object, ...]]:
    return [(one.before, one.after, one.at, one.cause) for one in steps[-1:]]


def _sensors_before(sensors: Sensors, frames: Sequence[Observation]) -> Sensors:
    """What each sensor had reported by these frames."""
    by_key = dict.fromkeys(sensors.by_key, Sensor())
    for seen in frames:
        if seen.occupancy is not None and (key := sensor_of(seen)) in by_key:
            by_key[key] = Sensor(
                occupancy=seen.occupancy,
                seen_at=seen.heard_at,
                seen_dev_addr=seen.dev_addr,
                seen_f_cnt=seen.f_cnt,
                heard_at=seen.heard_at,
            )
    return Sensors(rule=sensors.rule, by_key=by_key)


def _base(window: Window, story: Story, *, is_occupied: bool) -> Space:
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


def _causes(window: Window, story: Story) -> Iterator[Cause]:
    """The frames of the window, and between them what was offered, and when sensors were removed."""
    offers = [
        one for one in window.offers if one.at > window.since and (window.until is None or one.at <= window.until)
    ]
    timed: list[Offer | SensorRemoved] = sorted([*offers, *story.removals], key=lambda one: one.at)
    heard_at = window.since
    for frame in story.inside:
        heard_at = max(heard_at, frame.heard_at)
        while timed and timed[0].at <= heard_at:
            one = timed.pop(0)
            yield one
            if isinstance(one, Offer) and one.cause == str(frame.cause):
                break  # What was offered next was offered after the frame, although it can have the same time.
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


def _afterwards(window: Window, story: Story, end: Space, *, has_steps: bool) -> Space:
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
