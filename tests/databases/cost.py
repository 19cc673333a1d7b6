"""What an uplink costs by different ways to the same server, alternating, so that a busy machine disturbs both."""

from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Final

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.pool import Pool, opened
from tests.proof.load import traffic
from tests.proof.rig import Rig

_LIMITS: Final = chirpstack.Limits(payload_bytes=65_536, depth=32)


async def seconds_by(
    rig: Rig, ways: Mapping[str, tuple[str, DatabaseConfig]], *, batch: int, times: int
) -> dict[str, float]:
    """The median seconds of the recording of such a batch, by each way: a URL and its settings. No gateway may run."""
    uplinks = traffic(rig.devices)
    took: dict[str, list[float]] = {name: [] for name in ways}
    decoder = Decoder()
    async with AsyncExitStack() as stack:
        pools = {name: await stack.enter_async_context(opened(*way)) for name, way in ways.items()}
        for _ in range(times + 1):
            for name, pool in pools.items():
                events = [*islice(uplinks, batch)]
                _enter(rig, events)
                took[name].append(await _seconds(pool, events, decoder))
    return {name: median(found[1:]) for name, found in took.items()}


async def _seconds(pool: Pool, events: list[TimedEvent], decoder: Decoder) -> float:
    now = datetime.now(UTC)
    found = read([*_messages(events)], received_at=now, limits=_LIMITS)
    async with pool.connect() as connection:
        began = perf_counter()
        await record(connection, found, decoder=decoder, announce_every=timedelta(hours=1))
        return perf_counter() - began


def _messages(events: list[TimedEvent]) -> Iterator[Message]:
    for one in events:
        yield Message(one.topic, one.payload, mid=1, qos=1, is_redelivered=False)


def _enter(rig: Rig, events: list[TimedEvent]) -> None:
    """They are in the ledger, as if the broker had confirmed them."""
    for one in events:
        rig.ledger.add_sent(one.uplink)
        rig.ledger.add_confirmed(one.uplink)
