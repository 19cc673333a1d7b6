"""More messages than usual, and the memory that they take."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Final
from uuid import uuid4

import msgspec

from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.ledger import SentUplink
from tests.events import topic_of, up
from tests.proof.load import traffic
from tests.proof.rig import Rig
from tests.proof.trial import trial

_BOUND: Final = 250_000_000
"""Bytes of memory, as in tests/acceptance/test_memory.py."""
_USUAL: Final = 20
_TIMES_FASTER: Final = 20
_BURST: Final = 3_000
_ONE_DEVICE: Final = 1_000
"""A second; fewer where this machine cannot publish as many."""
_SECONDS: Final = 10
_NEW: Final = 20_000
"""Devices, as many as `limits.new_devices_per_hour` allows."""
_USUAL_EVENTS: Final = 20_000
_LARGE_EVENTS: Final = 1_500
_LARGE_BYTES: Final = 60_000


@trial("T11", "a burst of more than 20 times the rate", short=0, long=10)
async def burst(rig: Rig, times: int) -> None:
    await rig.start_gateway()
    fastest = 0.0
    async with rig.load.steady(_USUAL):
        for _ in range(times):
            await rig.pause(0.5, 1)
            began = rig.seconds()
            await rig.load.burst(_BURST)
            rate = _BURST / (rig.seconds() - began)
            rig.happened(rate > _TIMES_FASTER * _USUAL)
            fastest = max(fastest, rate)
            await rig.recover()
    rig.reports.append(f"{fastest:,.0f} a second after {_USUAL}")
    _report_memory(rig)


@trial("T11", "one device sends up to 1,000 uplinks a second", short=0, long=1)
async def one_device(rig: Rig, times: int) -> None:
    rig.load.follow(traffic(rig.devices[:1]))
    await rig.start_gateway()
    for _ in range(times):
        before, began = rig.ledger.uplinks, rig.seconds()
        async with rig.load.steady(_ONE_DEVICE):
            await asyncio.sleep(_SECONDS)
        rate = (rig.ledger.uplinks - before) / (rig.seconds() - began)
        rig.happened(rate > _ONE_DEVICE / 4)
        rig.reports.append(f"{rate:,.0f} a second")
        await rig.recover()
    _report_memory(rig)


@trial("T11", "uplinks of 20,000 unknown devices", short=0, long=1)
async def unknown_devices(rig: Rig, times: int) -> None:
    """As many as may be new within an hour. Each has a row and a retained message afterwards."""
    await rig.start_gateway()
    rig.load.follow(_of_unknown_devices())
    for _ in range(times):
        await rig.load.burst(_NEW)
        await rig.recover()
        added = rig.gateway.metric("parking_gateway_devices_added_total")
        rig.happened(added >= _NEW)
        rig.reports.append(f"{added:,.0f} devices added")
    _report_memory(rig)


@trial("T11", "a flood of usual and of large messages while the database is stopped", short=0, long=2)
async def into_the_journal(rig: Rig, times: int) -> None:
    """All of it is acknowledged, and recorded afterwards."""
    await rig.start_gateway()
    usual = traffic(rig.devices)
    large = _padded(usual)
    for _ in range(times):
        await asyncio.to_thread(rig.server.stop)
        await rig.reports_missing("database")
        rig.load.follow(usual)
        await rig.load.burst(_USUAL_EVENTS)
        rig.load.follow(large)
        await rig.load.burst(_LARGE_EVENTS)
        kept = await asyncio.to_thread(rig.gateway.metric, "parking_gateway_journal_bytes")
        rig.happened(not rig.server.is_running and kept > _LARGE_BYTES * _LARGE_EVENTS / 2)
        rig.reports.append(f"{kept / 1e6:,.0f} MB in the journal")
        await asyncio.to_thread(rig.server.start)
        await rig.recover()
    _report_memory(rig)


def _report_memory(rig: Rig) -> None:
    peak = rig.gateway.peak_bytes()
    rig.reports.append(f"memory at most {peak / 1e6:.0f} MB")
    assert peak < _BOUND


def _of_unknown_devices() -> Iterator[TimedEvent]:
    for number in count():
        now, identity, dev_eui = datetime.now(UTC), uuid4(), f"70b3d5{number:010x}"
        payload = up(dev_eui, deduplication_id=identity)
        uplink = SentUplink(deduplication_id=identity, place=None, seen_at=now, f_cnt=0, is_occupied=None)
        yield TimedEvent(at=now, topic=topic_of(dev_eui), payload=payload, uplink=uplink)


def _padded(uplinks: Iterator[TimedEvent]) -> Iterator[TimedEvent]:
    for one in uplinks:
        payload = one.payload.replace(b'"dr"', b'"x": "%b", "dr"' % (b"x" * _LARGE_BYTES))
        yield msgspec.structs.replace(one, payload=payload)
