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
_MANY = 50_000
"""With a device each, so that twice as many messages are retained."""
_LAST = f"{ROOT}/spaces/central/level-1/A-{_MANY}"
_HEALED = "Retained messages differed from the database and are healed"
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


@trial("T12", "one of 100,000 retained messages wiped while the gateway is away", short=0, long=1, spaces=_MANY)
async def one_of_many(rig: Rig, times: int) -> None:
    """The gateway reads all of them back, and the time and the memory of that are measured."""
    await rig.start_gateway()
    await until(partial(has_published, engine_of(rig.server.url)), "everything published")
    for number in range(1, times + 1):
        assert await asyncio.to_thread(rig.gateway.terminate) == 0
        async with connected_client(rig.broker.url) as client:
            await client.publish(_LAST, b"", qos=1, retain=True)
        rig.happened(not await read_retained(rig.broker.url, _LAST))
        await rig.start_gateway()
        await until(partial(_has_healed, rig, number), "a line of the log")
        line = rig.gateway.log_lines(_HEALED)[-1]
        assert (line["published_again"], line["cleared"]) == (1, 0)
        peak = rig.gateway.peak_bytes() / 1e6
        rig.reports.append(f"read back in {line['seconds']} s, and the gateway took {peak:.0f} MB at its peak")
    await rig.load.burst(100)
    await rig.recover()


async def _has_healed(rig: Rig, times: int) -> bool:
    return len(rig.gateway.log_lines(_HEALED)) >= times


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
