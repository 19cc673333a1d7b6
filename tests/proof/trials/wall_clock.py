"""The wall clock of the gateway's machine jumps. libfaketime changes it for the gateway's process alone."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from parking_gateway.cli.demo.fleet import TimedEvent
from tests.faked_clock import FakedClock
from tests.proof.load import traffic
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import until

_PER_SECOND: Final = 200
_JUMPS: Final = (timedelta(hours=1), timedelta(hours=-1), timedelta(days=365), timedelta(days=-365))
_MINUTE: Final = timedelta(minutes=1)
_SUMMER_ENDS: Final = datetime(2026, 10, 25, 1, tzinfo=UTC)
_SUMMER_BEGINS: Final = datetime(2026, 3, 29, 1, tzinfo=UTC)
_BEFORE: Final = timedelta(seconds=4)


def _clock(rig: Rig) -> FakedClock:
    """The wall clock of the gateway."""
    clock = FakedClock(rig.folder)
    rig.gateway.environment |= clock.environment
    return clock


@trial(
    "T13", "the gateway's clock jumps by an hour and by a year, forwards and backwards, and returns", short=0, long=4
)
async def jumps(rig: Rig, times: int) -> None:
    """The clocks of the network server and of the database stay right. Reservations are not made yet."""
    clock = _clock(rig)
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for jump in _JUMPS[:times]:
            await rig.pause(2, 3)
            clock.jump_to(jump)
            await until(partial(_has_jumped, rig, jump), f"a health of {jump}")
            rig.happened(await _has_jumped(rig, jump))
            await rig.pause(3, 4)
            clock.jump_to(timedelta())
            await until(partial(_has_jumped, rig, timedelta()), "a health of now")
            await rig.recover()


async def _has_jumped(rig: Rig, ahead: timedelta) -> bool:
    """Whether the retained health is dated so."""
    if (health := await rig.health()) is None:
        return False
    return abs(datetime.fromisoformat(health["updated"]) - datetime.now(UTC) - ahead) < _MINUTE


@trial(
    "T13", "summer time begins and ends: the clocks of gateway, network server and database show it", short=0, long=2
)
async def summer_time(rig: Rig, times: int) -> None:
    """All of them are in Amsterdam. The hour is there twice, or is missing."""
    clock = _clock(rig)
    rig.gateway.environment["TZ"] = "Europe/Amsterdam"
    rig.server.configure("alter database parking set timezone = 'Europe/Amsterdam'")
    rig.load.follow(_dated(rig, clock))
    for change in (_SUMMER_BEGINS, _SUMMER_ENDS)[:times]:
        clock.jump_to(change - 10 * _MINUTE - datetime.now(UTC))
        await rig.start_gateway()
        clock.jump_to(change - _BEFORE - datetime.now(UTC))
        before = _local_offset(clock)
        async with rig.load.steady(_PER_SECOND):
            await asyncio.sleep(2 * _BEFORE.total_seconds())
            rig.happened(_local_offset(clock) != before)
            await rig.recover()
        await asyncio.to_thread(rig.gateway.terminate)
    await rig.start_gateway()


def _local_offset(clock: FakedClock) -> timedelta | None:
    return clock.now.astimezone(ZoneInfo("Europe/Amsterdam")).utcoffset()


def _dated(rig: Rig, clock: FakedClock) -> Iterator[TimedEvent]:
    """Uplinks that the network server dates by the same clock as the gateway."""
    for one in traffic(rig.devices):
        at = one.at + clock.ahead
        event: dict[str, Any] = json.loads(one.payload)
        event["time"] = event["rxInfo"][0]["nsTime"] = at.isoformat()
        uplink = msgspec.structs.replace(one.uplink, seen_at=at)
        yield msgspec.structs.replace(one, payload=json.dumps(event).encode(), uplink=uplink)
