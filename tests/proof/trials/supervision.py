"""What systemd does to the gateway: it stops it, and it watches it."""

import asyncio
import signal
from functools import partial

import psutil

from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import until

_PER_SECOND = 400
_STOP_TIMEOUT = 5
"""Seconds, the default of gateway.stop_timeout."""
_FED = "WATCHDOG=1"


@trial("T16", "SIGTERM under load", short=0, long=30)
async def terminated(rig: Rig, times: int) -> None:
    """It records and acknowledges what it has, publishes "offline", and ends with status 0."""
    await rig.start_gateway()
    longest = 0.0
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.3, 1.5)
            began = rig.seconds()
            rig.gateway.send(signal.SIGTERM)
            await asyncio.to_thread(rig.gateway.wait_until, "STOPPING=1")
            status = await asyncio.to_thread(rig.gateway.wait)
            longest = max(longest, rig.seconds() - began)
            rig.happened(status == 0)
            if rig.times == times:
                await rig.reports_absence()
            await rig.restart_gateway()
    assert longest < _STOP_TIMEOUT + 1
    rig.reports.append(f"ended with status 0 after {longest:.1f} s at most")


@trial("T16", "SIGSTOP until the broker misses the pings, keep-alive of 1 s", short=0, long=10)
async def suspended(rig: Rig, times: int) -> None:
    """The broker ends the connection meanwhile, and keeps the session."""
    await _suspend(rig, times, seconds=0, keepalive=1)


@trial("T16", "SIGSTOP for 90 s, keep-alive of 30 s", short=0, long=1)
async def suspended_long(rig: Rig, times: int) -> None:
    """Longer than the keep-alive, shorter than the watchdog of the unit."""
    await _suspend(rig, times, seconds=90, keepalive=30)


async def _suspend(rig: Rig, times: int, *, seconds: float, keepalive: int) -> None:
    rig.gateway.configure(MQTT__KEEPALIVE=str(keepalive))
    rig.gateway.environment["WATCHDOG_USEC"] = "1000000"
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1)
            timeouts = _timeouts(rig)
            began = rig.seconds()
            rig.gateway.send(signal.SIGSTOP)
            await until(partial(_is_stopped, rig), "a suspended process")
            rig.gateway.notified()
            await rig.reports_absence()
            await asyncio.sleep(max(0.0, began + seconds - rig.seconds()))
            assert rig.gateway.notified() == [], "systemd heard of a suspended process"
            rig.happened(_timeouts(rig) > timeouts)
            rig.gateway.send(signal.SIGCONT)
            await rig.recover()
            await until(partial(_is_fed, rig), "a feed of the watchdog")
    rig.reports.append("the watchdog is not fed meanwhile, and is fed afterwards")


def _timeouts(rig: Rig) -> int:
    """How often the broker has missed a ping."""
    return rig.broker.log.read_text().count("parking-gateway-test has exceeded timeout")


async def _is_stopped(rig: Rig) -> bool:
    return bool(psutil.Process(rig.gateway.pid).status() == psutil.STATUS_STOPPED)


async def _is_fed(rig: Rig) -> bool:
    return _FED in rig.gateway.notified()
