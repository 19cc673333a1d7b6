"""A space with several sensors: what each reports is kept apart, and the space is computed from all of them. Pure.

    occupancy   by the rule: occupied if any sensor, or if every sensor that has reported one, reports a car
    contact     the best one
    battery     the lowest one

Each sensor is ordered by its own frames, by the law of a space with one sensor. So any order of delivery of all their uplinks ends
in the same space. Silence changes no state: a lost sensor counts with its last occupancy.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from decoders import Occupancy
from parking_gateway.core.sensor import Sensor, SensorKey, SensorRule, Sensors, sensor_key
from parking_gateway.core.space import (
    Change,
    Contact,
    Observation,
    Space,
    lapse,
    observe,
    observe_again,
    observe_together,
    remove_sensor,
    sense,
)


def observe_one(space: Space, sensors: Sensors, seen: Observation) -> Change:
    """Apply an observation of one sensor of a space with several."""
    return _change(space, sensors, seen, lambda alone: observe(alone, seen))


def observe_one_again(space: Space, sensors: Sensors, seen: Observation) -> Change:
    """The same for a stored uplink that is read again."""
    return _change(space, sensors, seen, lambda alone: observe_again(alone, seen))


def lapse_one(
    space: Space, sensors: Sensors, key: SensorKey, *, now: datetime, lost_after: timedelta, listening_since: datetime
) -> Change:
    """End the contact of one sensor. The space is lost when all of its sensors are."""
    sensor = sensors.by_key.get(key)
    if sensor is None:
        return space, ()
    before = _alone(space, sensor)
    after, _ = lapse(before, now=now, lost_after=lost_after, listening_since=listening_since)
    if after is before:
        return space, ()
    return sense(space, _with(sensors, key, after), at=now, cause="silence")


def fit(
    space: Space,
    keys: Iterable[SensorKey],
    *,
    rule: SensorRule | None,
    sole: SensorKey | None,
    at: datetime,
    cause: str,
) -> Change:
    """Give the space these sensors. Those that it had keep what they have reported.

    `sole` is the sensor that the space had until now, if it had one. No rule: it stays.
    """
    keys = sorted(keys)
    if not keys:
        return remove_sensor(space, at=at, cause=cause)
    if space.sensors is None and len(keys) == 1:
        return space, ()
    sensors = space.sensors or Sensors(by_key={sole: _sensor(space)} if sole is not None else {})
    by_key = {key: sensors.by_key.get(key, Sensor()) for key in keys}
    after = Sensors(rule=rule or sensors.rule, by_key=by_key)
    return sense(space, _aspects(after) | {"sensors": after if len(keys) > 1 else None}, at=at, cause=cause)


def _change(space: Space, sensors: Sensors, seen: Observation, change: Callable[[Space], Change]) -> Change:
    key = sensor_key(seen.dev_eui, seen.channel)
    sensor = sensors.by_key.get(key)
    if sensor is None:
        return space, ()
    before = _alone(space, sensor)
    after, _ = change(before)
    if after is before:
        return space, ()
    return observe_together(space, _with(sensors, key, after), seen)


def _with(sensors: Sensors, key: SensorKey, alone: Space) -> dict[str, Any]:
    """The aspects of the space once this sensor has reported so."""
    changed = msgspec.structs.replace(sensors, by_key={**sensors.by_key, key: _sensor(alone)})
    return _aspects(changed) | {"sensors": changed}


def _alone(space: Space, sensor: Sensor) -> Space:
    """The space as this sensor alone sees it."""
    contact = Contact.NEVER if sensor.heard_at is None else Contact.LOST if sensor.is_lost else Contact.LIVE
    return Space(
        id=space.id,
        since=space.since,
        occupancy=sensor.occupancy,
        seen_at=sensor.seen_at,
        seen_dev_addr=sensor.seen_dev_addr,
        seen_f_cnt=sensor.seen_f_cnt,
        contact=contact,
        heard_at=sensor.heard_at,
        battery_percent=sensor.battery_percent,
        battery_at=sensor.battery_at,
        battery_dev_addr=sensor.battery_dev_addr,
        battery_f_cnt=sensor.battery_f_cnt,
    )


def _sensor(alone: Space) -> Sensor:
    return Sensor(
        occupancy=alone.occupancy,
        seen_at=alone.seen_at,
        seen_dev_addr=alone.seen_dev_addr,
        seen_f_cnt=alone.seen_f_cnt,
        heard_at=alone.heard_at,
        is_lost=alone.contact is Contact.LOST,
        battery_percent=alone.battery_percent,
        battery_at=alone.battery_at,
        battery_dev_addr=alone.battery_dev_addr,
        battery_f_cnt=alone.battery_f_cnt,
    )


def _aspects(sensors: Sensors) -> dict[str, Any]:
    """The aspects of a space with these sensors, by nothing but what they have reported."""
    every = list(sensors.by_key.values())
    return {
        "occupancy": _occupancy(sensors.rule, (one.occupancy for one in every)),
        "contact": _contact(every),
        "heard_at": max((one.heard_at for one in every if one.heard_at is not None), default=None),
        **_last_seen(every),
        **_battery(every),
    }


def _occupancy(rule: SensorRule, reported: Iterable[Occupancy | None]) -> Occupancy | None:
    known = {one for one in reported if one is not None}
    return rule.decisive if rule.decisive in known else next(iter(known), None)


def _contact(every: Iterable[Sensor]) -> Contact:
    heard = [one.is_lost for one in every if one.heard_at is not None]
    if not heard:
        return Contact.NEVER
    return Contact.LOST if all(heard) else Contact.LIVE


def _last_seen(every: Iterable[Sensor]) -> Mapping[str, Any]:
    """The frame with an occupancy that was heard last."""
    seen = [(one.seen_at, one.seen_f_cnt, one.seen_dev_addr or "", one) for one in every if one.seen_at is not None]
    *_, last = max(seen, key=lambda found: found[:3], default=(Sensor(),))
    return {"seen_at": last.seen_at, "seen_dev_addr": last.seen_dev_addr, "seen_f_cnt": last.seen_f_cnt}


def _battery(every: Iterable[Sensor]) -> Mapping[str, Any]:
    """The lowest level: it is the one to look after."""
    levels = [
        (one.battery_percent, one.battery_at, one.battery_f_cnt or 0, one.battery_dev_addr or "", one)
        for one in every
        if one.battery_percent is not None and one.battery_at is not None
    ]
    *_, lowest = min(levels, key=lambda found: found[:4], default=(Sensor(),))
    names = ("battery_percent", "battery_at", "battery_dev_addr", "battery_f_cnt")
    return {name: getattr(lowest, name) for name in names}
