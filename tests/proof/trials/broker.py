"""The broker stops, dies, goes back to its last save, or forgets everything."""

import asyncio
import json
import os
import signal
from functools import partial

import psutil

from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import delete_store, differing_topics, until

_PER_SECOND = 400
SELDOM = "autosave_interval 1800\n"
"""Mosquitto's default: during a trial it saves its store at its end, and on SIGUSR1."""
_SESSIONS_LOST = "parking_gateway_broker_sessions_lost_total"
_LOST = (
    "The broker has lost our session, and with it every event that waited there: look for a restart without persistence,"
    " or an absence longer than mqtt.session_expiry"
)


@trial("T5", "orderly stop of the broker, and its start", short=0, long=20)
async def stopped(rig: Rig, times: int) -> None:
    """It saves its store at its end."""
    rig.configure_broker(SELDOM)
    rig.tap_broker()
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for _ in range(times):
            await rig.pause(0.5, 1.5)
            number = rig.broker.pid or 0
            await asyncio.to_thread(rig.broker.stop)
            rig.happened(not psutil.pid_exists(number))
            await rig.reports_missing("broker")
            rig.broker.start()
            await rig.recover(after=len(rig.ledger.confirmed))


@trial("T5", "`kill -9` of the broker between two saves", short=1, long=20)
async def killed(rig: Rig, times: int) -> None:
    """It goes back to its last save, and so do its retained messages."""
    rig.configure_broker(SELDOM)
    rig.tap_broker()
    await rig.start_gateway()
    pictures = []
    for _ in range(times):
        async with rig.load.steady(_PER_SECOND):
            await rig.pause(0.5, 1)
            await save(rig)
            await rig.pause(0.5, 1)
            newest = await _newest_version(rig)
            await _kill(rig)
            await rig.reports_missing("broker")
            rig.broker.start()
            rig.happened(await _newest_version(rig) < newest)
            began = await _recover(rig)
        pictures.append(await _seconds_until_right(rig, began))
    rig.reports.append(f"retained picture right after {max(pictures):.1f} s at most")


@trial("T6", "the broker forgets the session and all retained messages", short=1, long=10)
async def forgotten(rig: Rig, times: int) -> None:
    """It starts without its store."""
    rig.tap_broker()
    await rig.start_gateway()
    pictures = []
    for number in range(1, times + 1):
        async with rig.load.steady(_PER_SECOND):
            await rig.pause(0.5, 1)
            await _kill(rig)
            await rig.reports_missing("broker")
            delete_store(rig.folder)
            rig.broker.start()
            rig.happened(await _newest_version(rig) == 0)
            began = await _recover(rig)
        pictures.append(await _seconds_until_right(rig, began))
        assert rig.gateway.metric(_SESSIONS_LOST) == len(rig.gateway.log_lines(_LOST)) == number
    rig.reports.append(f"each time a warning and `{_SESSIONS_LOST}`")
    rig.reports.append(f"everything published again after {max(pictures):.1f} s at most")


async def save(rig: Rig) -> None:
    """Let Mosquitto save its store."""
    store = rig.folder / "mosquitto.db"

    def saved_at() -> int:
        return store.stat().st_mtime_ns if store.exists() else 0

    before = saved_at()

    async def is_saved() -> bool:
        return saved_at() > before

    os.kill(rig.broker.pid or 0, signal.SIGUSR1)
    await until(is_saved, "a saved store")


async def _kill(rig: Rig) -> None:
    """End it with SIGKILL. Before, its messages are held back for a moment, so that it dies with some."""
    assert rig.tap is not None
    rig.tap.stall()
    await rig.pause(0.2, 0.5)
    number = rig.broker.pid or 0
    await asyncio.to_thread(rig.broker.kill)
    rig.tap.cut()
    assert not psutil.pid_exists(number)


async def _recover(rig: Rig) -> float:
    """Let the gateway through to the broker. Returns when."""
    assert rig.tap is not None
    began = rig.seconds()
    rig.tap.resume()
    # Before its subscription, a broker without its session keeps no event for it.
    await until(partial(rig.misses, []), "a gateway that is subscribed")
    await rig.recover(since=began, after=len(rig.ledger.confirmed))
    return began


async def _seconds_until_right(rig: Rig, began: float) -> float:
    """Without load, because states change all the time under it."""
    wrong: list[str] = []

    async def is_right() -> bool:
        wrong[:] = await differing_topics(rig.broker, rig.server.url)
        return not wrong

    await until(is_right, "retained messages that equal the database", but=wrong)
    return rig.seconds() - began


async def _newest_version(rig: Rig) -> int:
    """Of the retained states; 0: there are none."""
    retained = await read_retained(rig.broker.url, f"{ROOT}/spaces")
    return max((json.loads(payload)["version"] for payload in retained.values()), default=0)
