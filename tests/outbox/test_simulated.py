"""The loop of the outbox on a simulated clock, broker and store: minutes of faults take a moment, and a seed repeats it."""

import asyncio
import json
import math
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

import pytest

from parking_gateway.broker.link import MqttError
from parking_gateway.contract.publication import Publication
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.loop import Outbox
from parking_gateway.outbox.marker import Marker
from parking_gateway.process.config.sections import PublicationConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.patience import Patience
from tests.links import FakeLink
from tests.outbox.simulated import SPACES, START, SimulatedStore
from tests.virtual_time import VirtualTime

SECONDS = 900
POLL_INTERVAL, COUNTS_INTERVAL = timedelta(seconds=5), timedelta(seconds=5)
REFUSED_SECONDS = 20


def seconds() -> float:
    """The simulated seconds since the start."""
    return asyncio.get_running_loop().time()


def now() -> datetime:
    """The simulated time."""
    return START + timedelta(seconds=seconds())


async def live(
    dice: random.Random, store: SimulatedStore, link: FakeLink, *, losses: Sequence[float], backlog: float
) -> None:
    """Cars come and go, and the link is lost after some of so many publications. There is a backlog for so many seconds."""
    patience = Patience(
        store,
        backoff=Backoff(shortest=timedelta(seconds=0.1), longest=timedelta(seconds=1)),
        stop=asyncio.Event(),
        report=lambda _purpose, _failure: None,
    )
    outbox = Outbox(
        PublicationConfig(poll_interval=POLL_INTERVAL, counts_interval=COUNTS_INTERVAL),
        database=store,
        patience=patience,
        marker=Marker(root="parking/v1", instance="gw", clock=now),
        known=KnownServer(None),
        report=lambda _kind, _confirmed, _refusals: None,
        has_backlog=lambda: seconds() < backlog,
    )

    async def cars() -> None:
        while seconds() < SECONDS:
            await asyncio.sleep(dice.random() * 2)
            key = dice.randint(1, SPACES)
            store.change(key)
            outbox.changed([SpaceId(key)])
            if dice.random() < 0.1:
                store.send()
                outbox.sent()
        await asyncio.sleep(2 * POLL_INTERVAL.total_seconds())  # a row that was refused last is due until the next scan
        outbox.finish()

    async with asyncio.TaskGroup() as group:
        driving = group.create_task(cars())
        while not driving.done():
            link.lost_after = len(link.taken) + dice.choice(losses) if seconds() < SECONDS else math.inf
            try:
                await outbox.run(link)
            except* MqttError:
                pass  # the next link follows at once


def published(link: FakeLink, folder: str) -> list[dict[str, Any]]:
    """The JSON of publications below this topic, in their order."""
    return [json.loads(one.payload) for one in link.taken if one.topic.startswith(f"parking/v1/{folder}/")]


def life_of(
    seed: int, *, losses: Sequence[float], refused_topics: int = 0, counting_seconds: float = 0, backlog: float = 0
) -> tuple[SimulatedStore, FakeLink]:
    """A life whose faults are the seed's. So many topics in a hundred are refused, each for some seconds."""
    random.seed(seed)  # for the waits between attempts
    dice = random.Random(seed)

    def is_refused(publication: Publication) -> bool:
        place = f"{publication.topic} {seed} {seconds() // REFUSED_SECONDS}"
        return seconds() < SECONDS and crc32(place.encode()) % 100 < refused_topics

    store, link = SimulatedStore(dice), FakeLink(refuses=is_refused)
    store.counting_seconds = counting_seconds
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        runner.run(live(dice, store, link, losses=losses, backlog=backlog))
    return store, link


@pytest.mark.parametrize("seed", range(8))
def test_the_broker_has_every_step_and_the_last_state_whatever_fails(seed: int) -> None:
    store, link = life_of(seed, losses=[3, 30, 300], refused_topics=5)
    assert {one["space"]: one["state"] for one in published(link, "spaces")} == {
        f"A-{key}": state for key, state in store.states.items()
    }
    for key in store.states:
        steps = [one["id"] for one in published(link, "transitions") if one["space"] == f"A-{key}"]
        assert list(dict.fromkeys(steps)) == [number for space, number, *_ in store.log if space == key]
    notices = [one["id"] for one in published(link, "events")]
    assert sorted(set(notices)) == list(range(1, store.notices + 1))
    occupied = sum(state == "OCCUPIED" for state in store.states.values())
    assert [one["occupied"] for one in published(link, "zones")][-1] == occupied
    assert not store.due()


def test_counts_are_published_once_an_interval_however_often_spaces_change() -> None:
    _, link = life_of(0, losses=[math.inf])
    intervals = SECONDS / COUNTS_INTERVAL.total_seconds()
    assert 0.8 * intervals < len(published(link, "zones")) <= intervals + 2
    assert len(published(link, "spaces")) > 3 * intervals


def test_counts_that_take_long_are_published_less_often() -> None:
    """Zones and sites take the database a second each, so it counts again after eighteen more."""
    store, link = life_of(0, losses=[math.inf], counting_seconds=1)
    assert 0.8 * SECONDS / 20 < len(published(link, "zones")) <= SECONDS / 20 + 2
    occupied = sum(state == "OCCUPIED" for state in store.states.values())
    assert [one["occupied"] for one in published(link, "zones")][-1] == occupied


def test_counts_let_a_backlog_go_first_for_ten_seconds() -> None:
    _, link = life_of(0, losses=[math.inf], backlog=math.inf)
    each = 10 + COUNTS_INTERVAL.total_seconds()
    assert 0.8 * SECONDS / each < len(published(link, "zones")) <= SECONDS / each + 2


def test_a_seed_repeats_its_faults() -> None:
    """So a failure is found again."""
    (_, first), (_, second) = (life_of(1, losses=[3, 30, 300], refused_topics=5) for _ in range(2))
    assert first.taken == second.taken
