"""The broker's retained messages are wiped, or those of yesterday."""

import asyncio
import json
import shutil
from functools import partial

import aiomqtt

from parking_gateway.cli.demo.publisher import connected_client
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.plugins.postgres import engine_of
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.proof.trials.broker import SELDOM, save
from tests.whole_gateway import delete_store, has_published, until

_SPACES = 10_000
_WITHIN = 10
"""Seconds after the connection of the gateway."""
_YESTERDAY = "yesterday.db"


@trial("T12", "retained messages of yesterday, 10,000 spaces", short=0, long=2, spaces=_SPACES)
async def of_yesterday(rig: Rig, times: int) -> None:
    """The broker is restored from a copy, in which every space has the other state."""
    rig.configure_broker(SELDOM)
    await rig.start_gateway()
    store, seconds = rig.folder / "mosquitto.db", []
    await _change_all(rig)
    for _ in range(times):
        await save(rig)
        yesterday = shutil.copy(store, rig.folder / _YESTERDAY)
        await _change_all(rig)
        right = await _states(rig)
        await asyncio.to_thread(rig.broker.stop)
        shutil.copy(yesterday, store)
        rig.broker.start()
        before = await _states(rig)
        rig.happened(sum(before[topic] != state for topic, state in right.items()) == _SPACES)
        seconds.append(await _seconds_until(rig, right))
        await rig.recover()
    rig.reports.append(f"{_SPACES:,} states right {max(seconds):.1f} s after the start of the broker at most")


@trial("T12", "all retained messages wiped, 10,000 spaces", short=0, long=2, spaces=_SPACES)
async def wiped(rig: Rig, times: int) -> None:
    await rig.start_gateway()
    seconds = []
    await _change_all(rig)
    for _ in range(times):
        right = await _states(rig)
        await asyncio.to_thread(rig.broker.kill)
        delete_store(rig.folder)
        rig.broker.start()
        rig.happened(len(right) == _SPACES and len(await _states(rig)) < _SPACES)
        seconds.append(await _seconds_until(rig, right))
        await rig.recover()
    rig.reports.append(f"{_SPACES:,} states right {max(seconds):.1f} s after the start of the broker at most")


async def _change_all(rig: Rig) -> None:
    """Every space changes its state, and everything is published."""
    await rig.load.burst(_SPACES)
    await rig.recover()
    await until(partial(has_published, engine_of(rig.server.url)), "everything published")


async def _states(rig: Rig) -> dict[str, str]:
    retained = await read_retained(rig.broker.url, f"{ROOT}/spaces")
    return {topic: json.loads(payload)["state"] for topic, payload in retained.items()}


async def _seconds_until(rig: Rig, right: dict[str, str]) -> float:
    """As a dashboard receives them, which has just subscribed."""
    began = rig.seconds()
    wrong = dict(right)
    async with asyncio.timeout(60), connected_client(rig.broker.url) as dashboard:
        await dashboard.subscribe(f"{ROOT}/spaces/#", qos=1)
        async for message in dashboard.messages:
            topic = message.topic.value
            if _state(message) == right[topic]:
                wrong.pop(topic, None)
            else:
                wrong[topic] = right[topic]
            if not wrong:
                break
    seconds = rig.seconds() - began
    assert seconds < _WITHIN
    return seconds


def _state(message: aiomqtt.Message) -> str | None:
    assert isinstance(message.payload, bytes)
    return json.loads(message.payload)["state"] if message.payload else None
