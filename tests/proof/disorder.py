"""Uplinks in disorder: repeated, overtaken, and dated by wrong clocks. Each sensor has one kind of trouble.

The ledger has the true order: the newest frame of a sensor is the one that it sent last.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final
from uuid import uuid4

from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.ledger import SentUplink
from parking_gateway.register.entries import Place
from tests.events import OCCUPIED, VACANT, topic_of, up

_BLOCK: Final = 6
"""Frames between two joins, resets or steps of a clock."""
_FAR: Final = 200
"""Frames that an ABP counter is further back after a reset. Up to 64 within the hour, it counts as older by design."""
_MOST_RESETS: Final = 5_000
_STEP_BACK: Final = timedelta(minutes=40)
_MINUTES: Final = (timedelta(minutes=-20), timedelta(minutes=20))
_YEARS: Final = (datetime(1980, 1, 6, tzinfo=UTC), datetime(2036, 2, 7, tzinfo=UTC))


class _Sensor:
    """A sensor, and what it sent."""

    def __init__(self, dev_eui: str, number: int) -> None:
        self._dev_eui = dev_eui
        self._place = Place("central", "level-1", f"A-{number}")
        self._dice = Random(dev_eui)
        self._joins = 0

    def join(self) -> None:
        """Begin a new device session."""
        self._joins += 1

    def frame(
        self,
        f_cnt: int,
        *,
        claims: datetime | None = None,
        server_ahead: timedelta = timedelta(),
        has_server_time: bool = True,
    ) -> TimedEvent:
        """Send a frame now. `claims` is the time of a LoRaWAN gateway with GPS."""
        now, is_occupied = datetime.now(UTC), self._dice.random() < 1 / 2
        server = now + server_ahead
        identity = uuid4()
        status = OCCUPIED if is_occupied else VACANT
        event: dict[str, Any] = json.loads(up(self._dev_eui, status, f_cnt=f_cnt, deduplication_id=identity))
        event["devAddr"] = f"{0x01A2D830 + self._joins:08x}"
        event["time"] = (claims or server).isoformat()
        reception = event["rxInfo"][0]
        reception["nsTime"] = server.isoformat()
        if claims:
            reception |= {"gwTime": claims.isoformat(), "timeSinceGpsEpoch": "0s"}
        if not has_server_time:
            del reception["nsTime"]
        uplink = SentUplink(
            deduplication_id=identity, place=self._place, seen_at=now, f_cnt=f_cnt, is_occupied=is_occupied
        )
        return TimedEvent(at=now, topic=topic_of(self._dev_eui), payload=json.dumps(event).encode(), uplink=uplink)


def _sent_twice(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        event = sensor.frame(turn)
        yield [event, event]


def _overtaken(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count(step=6):
        first, second, third, fourth, fifth, sixth = (sensor.frame(turn + place) for place in range(6))
        yield [third, first, second]
        # A turn of all sensors later, because the uplinks of one transaction are recorded by their times.
        yield [sixth]
        yield [fourth, fifth]


def _server_set_back(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        yield [sensor.frame(turn, server_ahead=-_STEP_BACK if turn // _BLOCK % 2 else timedelta())]


def _minutes_off(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        yield [sensor.frame(turn, claims=datetime.now(UTC) + _MINUTES[turn % 2])]


def _minutes_off_alone(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        yield [sensor.frame(turn, claims=datetime.now(UTC) + _MINUTES[turn % 2], has_server_time=False)]


def _years_off(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        yield [sensor.frame(turn, claims=_YEARS[turn % 2])]


def _years_off_alone(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        yield [sensor.frame(turn, claims=_YEARS[turn % 2], has_server_time=False)]


def _joined_again(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        if turn % _BLOCK == 0:
            sensor.join()
        yield [sensor.frame(turn % _BLOCK)]


def _counter_reset(sensor: _Sensor) -> Iterator[list[TimedEvent]]:
    for turn in count():
        yield [sensor.frame((_MOST_RESETS - turn // _BLOCK) * _FAR + turn % _BLOCK)]


_LIVES: Final[tuple[Callable[[_Sensor], Iterator[list[TimedEvent]]], ...]] = (
    _sent_twice,
    _overtaken,
    _server_set_back,
    _minutes_off,
    _minutes_off_alone,
    _years_off,
    _years_off_alone,
    _joined_again,
    _counter_reset,
)


def disordered(devices: Sequence[str]) -> Iterator[TimedEvent]:
    """Uplinks of these devices in turn, without end. The first has the first kind of trouble, the tenth has it again."""
    lives = [_LIVES[place % len(_LIVES)](_Sensor(dev_eui, place + 1)) for place, dev_eui in enumerate(devices)]
    while True:
        for life in lives:
            yield from next(life)
