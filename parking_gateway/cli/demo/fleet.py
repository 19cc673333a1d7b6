"""The events of all sensors, endless and from a seed. Pure: the same start and seed give the same events, byte for byte.

Time is compressed: a space changes several times a minute. Some messages are published twice, some heartbeats are overtaken
by the change after them, and some frames are damaged.
"""

import heapq
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Final
from uuid import UUID

import msgspec

from parking_gateway.cli.demo.car_park import Device, Sensor
from parking_gateway.cli.demo.ledger import SentUplink
from parking_gateway.cli.demo.sensors import Conditions, Payload
from parking_gateway.cli.demo.up_events import event_topic, up_event

_WAKE_WITHIN: Final = timedelta(seconds=1)
_SHORTEST_PAUSE: Final = timedelta(seconds=1)
_MEAN_FURTHER_PAUSE_SECONDS: Final = 11
_SHARE_OF_CHANGES: Final = 0.6
"""Of a sensor's frames; the others are heartbeats."""
_SHARE_OF_OCCUPIED: Final = 0.45

_SILENT_AFTER: Final = 4
"""Frames of a sensor that falls silent now and then."""
_SILENCE: Final = timedelta(seconds=25)

_MOST_MINUTES: Final = 89
"""Sensors report longer times more coarsely."""

_ONE_IN: Final = 20
"""One frame in this number is sent twice, one is damaged, and one is overtaken."""
_TWICE, _DAMAGED, _OVERTAKEN = 0, 7, 13
_SHORTLY_AFTER: Final = timedelta(seconds=0.5)
_SHORTLY_BEFORE: Final = timedelta(seconds=2)


class TimedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ChirpStack, and when it is published."""

    at: datetime
    topic: str
    payload: bytes
    uplink: SentUplink


def events(sensors: Sequence[Sensor], *, start: datetime, seed: int) -> Iterator[TimedEvent]:
    """All events from `start` on, in the order of their publication. It never ends."""
    lives = (_life(sensor, number, start, seed) for number, sensor in enumerate(sensors))
    return heapq.merge(*lives, key=lambda event: event.at)


def _life(sensor: Sensor, number: int, start: datetime, seed: int) -> Iterator[TimedEvent]:
    rng = Random(f"{seed} {sensor.dev_eui}")  # noqa: S311 - a simulation, which has to repeat itself
    radio = _Radio(sensor, rng)
    at = start + rng.random() * _WAKE_WITHIN
    is_change, is_occupied = False, rng.random() < _SHARE_OF_OCCUPIED
    was_occupied = not is_occupied
    for turn in count(number):
        oddity = turn % _ONE_IN
        before = radio.send(at - _SHORTLY_BEFORE, was_occupied, is_change=False) if oddity == _OVERTAKEN else None
        event = radio.send(at, is_occupied, is_change=is_change)
        yield event
        if before:
            yield msgspec.structs.replace(before, at=at + _SHORTLY_AFTER)
        if oddity == _TWICE:
            yield msgspec.structs.replace(event, at=at + _SHORTLY_AFTER)
        if oddity == _DAMAGED:
            yield radio.send(at + _SHORTLY_AFTER, None, is_change=False)

        at += _pause(sensor, turn - number, rng)
        is_change = rng.random() < _SHARE_OF_CHANGES
        was_occupied, is_occupied = is_occupied, is_occupied ^ is_change


def _pause(sensor: Sensor, turn: int, rng: Random) -> timedelta:
    """The time until the next frame."""
    if sensor.lost_after is None:
        return _SHORTEST_PAUSE + timedelta(seconds=rng.expovariate(1 / _MEAN_FURTHER_PAUSE_SECONDS))
    if turn % _SILENT_AFTER == _SILENT_AFTER - 1:
        return _SILENCE
    return _SHORTEST_PAUSE + timedelta(seconds=rng.uniform(0, sensor.lost_after / 2))


def event_of(
    device: Device, payload: Payload, *, at: datetime, f_cnt: int, rng: Random, is_confirmed: bool = False
) -> TimedEvent:
    """The event of one frame that says nothing about a space."""
    deduplication_id = UUID(int=rng.getrandbits(128), version=4)
    event = up_event(
        device,
        payload,
        deduplication_id=deduplication_id,
        time=at,
        f_cnt=f_cnt,
        is_confirmed=is_confirmed,
        rng=rng,
    )
    uplink = SentUplink(deduplication_id=deduplication_id, place=None, seen_at=at, f_cnt=f_cnt, is_occupied=None)
    return TimedEvent(at=at, topic=event_topic(device, "up"), payload=event, uplink=uplink)


class _Radio:
    """Makes the events of one sensor, and counts its frames."""

    def __init__(self, sensor: Sensor, rng: Random) -> None:
        self._sensor = sensor
        self._rng = rng
        self._battery_percent = rng.randint(60, 100)
        self._f_cnt = rng.randrange(5000)
        self._changed_at: datetime | None = None

    def send(self, at: datetime, is_occupied: bool | None, *, is_change: bool) -> TimedEvent:  # noqa: FBT001 - the observation itself
        """The event of one frame. `is_occupied` is None for a damaged frame."""
        self._f_cnt += 1
        event = event_of(
            self._sensor,
            self._payload(at, is_occupied, is_change=is_change),
            at=at,
            f_cnt=self._f_cnt,
            is_confirmed=is_change,
            rng=self._rng,
        )
        place = self._sensor.place
        is_damaged = is_occupied is None and place is not None
        seen = msgspec.structs.replace(event.uplink, place=place, is_occupied=is_occupied, is_damaged=is_damaged)
        return msgspec.structs.replace(event, uplink=seen)

    def _payload(self, at: datetime, is_occupied: bool | None, *, is_change: bool) -> Payload:  # noqa: FBT001 - as above
        model, rng = self._sensor.model, self._rng
        if is_occupied is None:
            return model.damaged
        now = Conditions(
            is_occupied=is_occupied,
            minutes=self._minutes_of_the_state_before(at) if is_change else 0,
            distance_mm=rng.randint(900, 1300) if is_occupied else rng.randint(2400, 2500),
            celsius=rng.randint(4, 16),
            battery_percent=self._battery_percent,
            f_cnt=self._f_cnt,
        )
        return model.status(now) if is_change else model.heartbeat(now)

    def _minutes_of_the_state_before(self, at: datetime) -> int:
        lasted = at - (self._changed_at or at)
        self._changed_at = at
        return min(_MOST_MINUTES, lasted // timedelta(minutes=1))
