"""The intake in simulated universes: whatever is refused, lost or cut, every uplink is recorded once and no step is left out."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import timedelta

import pytest
from typing_extensions import override

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.loop import Intake
from parking_gateway.process.waits import Backoff
from parking_gateway.store.patience import Patience
from tests.events import NOON, dev_eui_of
from tests.intake.simulated import Broker, Store, story
from tests.virtual_time import VirtualTime

UNIVERSES = 200
UPLINKS = 240
DEVICES = [dev_eui_of(number) for number in range(1, 7)]


def life(store: Store, link: Broker) -> asyncio.Task[None]:
    """One process of the gateway, at work."""
    wait = Backoff(shortest=timedelta(milliseconds=100), longest=timedelta(seconds=5))
    intake = Intake(
        database=store,  # type: ignore[arg-type] # the part of a database that the intake uses
        decoder=Decoder(),
        limits=chirpstack.Limits(payload_bytes=65_536, depth=9),
        batch_size=200,
        timeout=timedelta(seconds=30),
        patience=Patience(
            store,  # type: ignore[arg-type]
            backoff=wait,
            stop=asyncio.Event(),
            report=lambda _purpose, _failure: None,
        ),
        announce_every=timedelta(days=9),
        clock=lambda: NOON + timedelta(hours=1),
        taken=lambda _batch: None,
        settled=lambda: None,
        report=lambda _committed: None,
    )
    return asyncio.create_task(intake.run(link))  # type: ignore[arg-type]


async def universe(seed: int, broker: type[Broker] = Broker) -> Counter[str]:
    """Let the gateway live, die and live again until the broker has no message left. Returns the faults that happened."""
    dice = random.Random(seed)
    random.seed(seed)  # that of waits
    alive: list[asyncio.Task[None]] = []

    def cut_power() -> None:
        alive[0].cancel()

    store = Store(DEVICES, dice, power_cut=cut_power)
    messages, states = story(DEVICES, dice, UPLINKS)
    link = broker(list(messages), store, dice)
    while link.session:
        alive[:] = [life(store, link)]
        await asyncio.wait(alive)
        store.boot()
        if not alive[0].cancelled():
            alive[0].result()
    assert len(store.uplinks) == UPLINKS, "an uplink is lost"
    for number, expected in states.items():
        assert [after for space, _, after in store.steps if space == number] == expected, (
            "a step is doubled or left out"
        )
    return Counter(store.faults)


def faults_of(seeds: Iterable[int], broker: type[Broker] = Broker) -> Counter[str]:
    """The faults that happened in these universes."""
    faults: Counter[str] = Counter()
    for seed in seeds:
        with asyncio.Runner(loop_factory=VirtualTime) as runner:
            faults += runner.run(universe(seed, broker))
    return faults


def test_in_no_universe_an_uplink_or_a_step_is_lost_or_doubled() -> None:
    faults = faults_of(range(UNIVERSES))
    assert set(faults) == {"refused", "answer lost", "power cut"}, "not every fault has happened"


def test_a_universe_is_repeated_by_its_seed() -> None:
    assert faults_of([7]) == faults_of([7])


class Forgetful(Broker):
    """Forgets messages as soon as they are delivered, as if the gateway acknowledged them at once."""

    @override
    async def batches(self, *, limit: int) -> AsyncIterator[list[Message]]:
        async for batch in super().batches(limit=limit):
            self.session = [one for one in self.session if one not in batch]
            yield batch

    @override
    def acknowledge(self, batch: Sequence[Message]) -> None:
        """It is too late."""


def test_the_simulation_finds_a_gateway_that_acknowledges_too_early() -> None:
    with pytest.raises(AssertionError, match="an uplink is lost"):
        faults_of(range(UNIVERSES), Forgetful)
