"""What the sensors of a small car park report, and when each event reaches the broker."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from tests.events import dev_eui_of, topic_of
from tests.simulation.faults import Fault
from tests.simulation.world import NOON, World

SPACES: Final = 5
UPLINKS: Final = 30
_PAUSES: Final = (0.0, 0.05, 0.5, 2.0, 8.0)
"""Seconds between two uplinks."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An uplink of a sensor."""

    key: UUID
    space: int
    at: float
    """When it was sent, in seconds after noon. So the frames of a sensor are in the order of `at`."""
    is_occupied: bool
    arrives: float
    """When the network server publishes it."""
    payload: bytes

    @property
    def topic(self) -> str:
        """Its topic."""
        return topic_of(dev_eui_of(self.space))

    @property
    def heard_at(self) -> datetime:
        """When the network server heard it."""
        return NOON + timedelta(seconds=self.at)


def story(world: World) -> list[Event]:
    """All events of a universe, in the order in which their sensors sent them."""
    return list(_events(world))


def _events(world: World) -> Iterator[Event]:
    dice, at, last = world.dice, 1.0, 0.0
    occupied = dict.fromkeys(range(1, SPACES + 1), False)
    counters = dict.fromkeys(occupied, dice.randint(0, 1000))
    for _ in range(UPLINKS):
        at += 0.001 + dice.choice(_PAUSES) * dice.random()
        if world.faults.strikes(Fault.SILENT):
            at += dice.uniform(90, 150)
        space = dice.randint(1, SPACES)
        occupied[space] ^= dice.random() < 0.4
        counters[space] += 1
        key = UUID(int=dice.getrandbits(128), version=4)
        arrives = last = max(last, at + dice.random() / 10)
        if world.faults.strikes(Fault.LATE):
            arrives += dice.uniform(1, 120)
        is_wrong = world.faults.strikes(Fault.WRONG_DEVICE_CLOCK)
        claimed = at + (dice.choice([-1, 1]) * dice.uniform(300, 86_400) if is_wrong else 0)
        body = _body(key, space, counters[space], at=at, claimed=claimed, is_occupied=occupied[space])
        yield Event(
            key=key,
            space=space,
            at=at,
            is_occupied=occupied[space],
            arrives=arrives,
            payload=json.dumps(body).encode(),
        )


def _body(key: UUID, space: int, f_cnt: int, *, at: float, claimed: float, is_occupied: bool) -> dict[str, Any]:
    return {
        "deduplicationId": str(key),
        "time": (NOON + timedelta(seconds=claimed)).isoformat(),
        "deviceInfo": {"devEui": dev_eui_of(space), "deviceName": f"bay {space}", "applicationName": "Parking"},
        "devAddr": f"01a2d8{space:02x}",
        "fCnt": f_cnt,
        "fPort": 1,
        "data": base64.b64encode(b"\x01" if is_occupied else b"\x00").decode(),
        "rxInfo": [
            {"gatewayId": "83d9f4c106d20001", "nsTime": (NOON + timedelta(seconds=at)).isoformat(), "rssi": -90}
        ],
    }
