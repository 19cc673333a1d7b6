"""One universe: the gateway lives through its story, is cut off, comes back, and has to end with the truth."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from random import Random
from traceback import walk_tb
from typing import Any, Final
from unittest.mock import patch

import msgspec
import simloom
from simloom import _run

from parking_gateway.broker import link
from parking_gateway.broker.inbox import Inbox
from parking_gateway.intake import lanes
from parking_gateway.process.config.mqtt import MqttConfig
from tests.simulation.broker import Broker
from tests.simulation.car_park import build
from tests.simulation.connection import SimulatedConnection
from tests.simulation.faults import Fault
from tests.simulation.loop import Loop
from tests.simulation.machines import Machines
from tests.simulation.oracle import Oracle
from tests.simulation.report import Reported
from tests.simulation.rows import Tables
from tests.simulation.server import Server
from tests.simulation.story import Event, story
from tests.simulation.weather import Weather
from tests.simulation.world import NOON, World

_SETTLED_WITHIN: Final = 1200.0
"""Seconds after the last fault."""
_RECOVERS: Final = 10.0
"""Seconds after the last fault, in which every wait for another attempt ends."""
_SMALLEST_LANE: Final = 3
"""Messages: batches are small here, and both lanes have to work."""


class Outcome(msgspec.Struct):
    """How a universe ended."""

    seed: int
    happened: dict[str, int] = {}
    """How often each fault happened."""
    failure: str | None = None
    digest: str = ""
    """Of everything that happened, in its order. Empty unless it was asked for."""


def run(seed: int, *, with_digest: bool = False) -> Outcome:
    """Run one universe."""
    outcome = Outcome(seed, failure="It did not end")
    with patch.object(_run, "SimLoop", partial(Loop, is_logged=with_digest)):
        found = simloom.run(
            _universe(outcome), seed=seed, raise_on_error=False, virtual_time=True, seed_randomness=True
        )
    # An error after the end is of simloom, which wakes up what a power cut has left behind.
    if outcome.failure and found.error is not None:
        outcome.failure = _described(found.error)
    if with_digest:
        outcome.digest = found.digest
    return outcome


def _universe(outcome: Outcome) -> Callable[[simloom.World], Coroutine[Any, Any, None]]:
    async def main(simulated: simloom.World) -> None:
        world = World(Random(outcome.seed))
        try:
            await _live_through(simulated, world)
        except Exception as failure:
            outcome.failure = _described(failure)
            raise
        else:
            outcome.failure = None
        finally:
            outcome.happened = {one.name: number for one, number in world.faults.happened.items()}

    return main


def _described(error: BaseException) -> str:
    """The first error in it, with the line where it arose."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    *_, (frame, line) = walk_tb(error.__traceback__)
    return f"{type(error).__name__}: {error} ({frame.f_code.co_filename}:{line})"


async def _live_through(simulated: simloom.World, world: World) -> None:
    tables = Tables(world.now)
    build(tables, at=NOON)
    server, broker, reported = Server(world, tables), Broker(world), Reported()
    events = story(world)
    machines = Machines(world, simulated, server=server, broker=broker, reported=reported)
    oracle = Oracle(world, events, server=server, machines=machines, broker=broker, reported=reported)
    with _connections(broker, oracle, machines.clients):
        machines.start()
        await _until(world, machines.are_subscribed)
        until = max(one.arrives for one in events)
        weather = Weather(world, server=server, broker=broker, disks=machines.disks, until=until)
        await asyncio.gather(_publish(world, broker, events), world.beside(weather.run()))
        world.faults.end()
        await asyncio.sleep(_RECOVERS)
        await _until(world, oracle.is_settled)
        await _until(world, lambda: not oracle.wrong_topics())
    oracle.judge()
    world.faults.happened[Fault.JOURNAL_FULL] += reported.journal_full


async def _publish(world: World, broker: Broker, events: list[Event]) -> None:
    """The network server publishes each event at its time. While the broker is away, it keeps them in their order."""
    for one in sorted(events, key=lambda event: event.arrives):
        await asyncio.sleep(max(0, one.arrives - world.time()))
        while broker.is_away:  # noqa: ASYNC110 - it tries again and again
            await asyncio.sleep(0.5)
        broker.publish(one.topic, one.payload)
        if world.faults.strikes(Fault.SENT_TWICE):
            broker.publish(one.topic, one.payload)


async def _until(world: World, is_so: Callable[[], bool]) -> None:
    deadline = world.time() + _SETTLED_WITHIN
    while not is_so():
        if world.mistakes:
            raise world.mistakes[0]
        assert world.time() < deadline, "it does not come to rest"
        await asyncio.sleep(1)
    if world.mistakes:
        raise world.mistakes[0]


@contextmanager
def _connections(broker: Broker, oracle: Oracle, clients: Sequence[str]) -> Iterator[None]:
    """Let every connection lead to this broker, and every batch have lanes."""

    def connection_of(config: MqttConfig, _protocol: str, *, inbox: Inbox, **_others: Any) -> SimulatedConnection:
        acknowledging = oracle.acknowledging if config.client_id in clients else lambda _: None
        return SimulatedConnection(broker, config, inbox, acknowledging)

    with patch.object(link, "connection_of", connection_of), patch.object(lanes, "_SMALLEST_LANE", _SMALLEST_LANE):
        yield
