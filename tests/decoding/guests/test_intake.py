"""A guest that hangs, dies, prints or fills the memory costs its own frames, and other frames wait a limited time."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import Reason
from parking_gateway.decoding.budget import PAUSE_SECONDS, Guests
from parking_gateway.decoding.codecs import guest_codec
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.loop import Intake
from parking_gateway.process.waits import Backoff
from parking_gateway.process.wall_clock import utc
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from tests.decoding.guests.conftest import ASKED, Guest, Install
from tests.events import message, up
from tests.plugins.car_park import CarPark

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
SOON_SECONDS = 15
"""Far more than all budgets together on a busy machine, and far less than the stopped code would take."""

GUESTS = {
    "hangs": ("while True: pass", Reason.CODEC_FAILED),
    "sleeps": ("time.sleep(1000)", Reason.CODEC_FAILED),
    "ends": ("os._exit(3)", Reason.CODEC_FAILED),
    "exits": ("sys.exit('bye')", Reason.CODEC_FAILED),
    "is_killed": ("os.kill(os.getpid(), 9)", Reason.CODEC_FAILED),
    "fills_memory": ("return OCCUPIED if bytearray(10**9) else None", Reason.CODEC_FAILED),
    "recurses": ("return decode(frame)", Reason.CODEC_FAILED),
    "lies": ("return Reading(at=time.time())", Reason.CODEC_FAILED),
    "shouts": ("raise Undecodable('x' * 10**7)", Reason.UNDECODABLE),
    "prints": ("print('{}' * 10**6); print('x', file=sys.stderr); return OCCUPIED", None),
    "writes": ("os.write(1, b'[]' * 10**6); os.write(0, b'x'); return OCCUPIED", None),
    "listens": ("sys.stdin.read(); return OCCUPIED", None),
    "closes": ("os.closerange(0, 3); return OCCUPIED", None),
    "is_good": ("return OCCUPIED", None),
}
"""The code of guests, and the reason of the rejection. None: a reading."""
ENDLESS = "function decodeUplink(input) { new Array(2 ** 31).join(''); }"


class Lane:
    """The intake without a broker, and the outcomes that it reported."""

    def __init__(self, engine: AsyncEngine, folder: Path) -> None:
        self.outcomes: list[Committed] = []
        self.ahead = 0.0
        """Seconds by which the clock of the budgets is ahead."""
        decoder = Decoder(folder=folder)
        database = Pool(engine)
        wait = Backoff(shortest=timedelta(seconds=0.01), longest=timedelta(seconds=0.1))
        self._intake = Intake(
            database=database,
            decoder=decoder,
            guests=Guests(decoder, clock=lambda: time.monotonic() + self.ahead),
            limits=LIMITS,
            batch_size=1000,
            timeout=timedelta(seconds=30),
            patience=Patience(database, backoff=wait, stop=asyncio.Event(), report=lambda _purpose, _error: None),
            announce_every=timedelta(hours=1),
            clock=utc,
            taken=lambda _batch: None,
            settled=lambda: None,
            report=self.outcomes.append,
        )

    async def commit(self, batch: Sequence[Message]) -> Counter[Reason]:
        """Commit a lane, and return the number of rejections for each reason."""
        before = len(self.outcomes)
        await self._intake.commit(batch)
        letters = [letter for outcome in self.outcomes[before:] for letter in outcome.rejected]
        return Counter(letter.rejection.reason for letter in letters)


async def rows(engine: AsyncEngine, query: str) -> list[Any]:
    async with engine.connect() as connection:
        return list((await connection.execute(sa.text(query))).all())


async def until_there(file: Path, engine: AsyncEngine) -> None:
    """Poll until a guest has written the file."""
    is_there = file.exists
    async with asyncio.timeout(60):
        while not is_there():
            await rows(engine, "select 1")


async def test_every_guest_costs_its_own_frames_only(
    engine: AsyncEngine, car_park: CarPark, guest: Guest, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All guests in one batch, together with devices that have codecs of ours."""
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 1)  # a guest that replies does so in time, on a busy machine too
    devices = await car_park(len(GUESTS) + 21)
    for device, (codec, (body, _)) in zip(devices, GUESTS.items(), strict=False):
        folder = guest(codec, body)
        await install(device, codec)
    vendor, *ours = devices[len(GUESTS) :]
    (folder / "vendor.js").write_text(ENDLESS)
    (folder / "vendor.toml").write_text(
        'vendor = "A"\nmodel = "X"\nports = { 1 = [1] }\n[reading]\ncounter = { path = "count" }\n'
    )
    await install(vendor, "vendor")
    lane = Lane(engine, folder)

    began = time.monotonic()
    await lane.commit([message(device, up(device, at=at)) for device in devices for at in range(2)])
    took = time.monotonic() - began

    assert await rows(engine, "select count(*) from uplink") == [(2 * len(devices),)]
    refused = await rows(engine, "select dev_eui, reason from rejection")
    by_device: dict[str, set[str]] = {}
    for dev_eui, reason in refused:
        by_device.setdefault(dev_eui, set()).add(reason)
    late = {Reason.CODEC_OUT_OF_TIME}
    for device, (codec, (_, reason)) in zip(devices, GUESTS.items(), strict=False):
        assert by_device.get(device, set()) - late == ({reason} if reason else set()), (codec, refused)
    assert by_device[vendor] - late == {Reason.CODEC_FAILED}
    assert not by_device.keys() & set(ours)
    occupied = {row.dev_eui for row in await rows(engine, OCCUPIED_DEVICES)}
    good = {device for device, (_, reason) in zip(devices, GUESTS.values(), strict=False) if reason is None}
    assert occupied == {*ours, *good}
    assert took < SOON_SECONDS


OCCUPIED_DEVICES = "select dev_eui from installation join space on space.id = space_id where state = 'OCCUPIED'"


async def test_while_a_guest_runs_no_transaction_is_open_and_the_event_loop_goes_on(
    engine: AsyncEngine,
    car_park: CarPark,
    guest: Guest,
    install: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = tmp_path / "asked"
    folder = guest("waits", waiting_guest(asked, tmp_path / "go"))
    (device,) = await car_park(1)
    await install(device, "waits")
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 60)
    open_transactions: list[list[Any]] = []

    async def look() -> None:
        """Run on the event loop of the intake."""
        await until_there(asked, engine)
        for _ in range(20):
            others = "datname = current_database() and pid <> pg_backend_pid()"
            open_transactions.append(
                await rows(
                    engine, f"select state, query from pg_stat_activity where {others} and xact_start is not null"
                )
            )
        (tmp_path / "go").touch()

    looking = asyncio.create_task(look())
    assert await Lane(engine, folder).commit([message(device, up(device))]) == {}
    await looking
    assert len(open_transactions) == 20
    assert [found for found in open_transactions if found] == []
    assert await rows(engine, "select count(*) from uplink") == [(1,)]


def waiting_guest(asked: Path, go: Path) -> str:
    """Return the code of a guest that marks its run and waits for a file before it returns."""
    return (
        f"{ASKED.format(str(asked))}\n    while not os.path.exists({str(go)!r}): time.sleep(0.01)\n    return Reading()"
    )


async def test_a_guest_that_wastes_time_repeatedly_is_paused(
    engine: AsyncEngine, car_park: CarPark, guest: Guest, install: Install, tmp_path: Path
) -> None:
    """Its frames cost no time in the pause, and it is used again afterwards."""
    asked = tmp_path / "asked"
    folder = guest("hangs", f"{ASKED.format(str(asked))}; time.sleep(1000)")
    hanging, other = await car_park(2)
    await install(hanging, "hangs")
    lane = Lane(engine, folder)

    async def batch(at: int) -> tuple[Counter[Reason], int]:
        before = len(asked.read_bytes()) if asked.exists() else 0
        both = [*(message(hanging, up(hanging, at=at + n / 100)) for n in range(20)), message(other, up(other, at=at))]
        reasons = await lane.commit(both)
        return reasons, len(asked.read_bytes()) - before

    reasons, times = await batch(0)
    assert reasons[Reason.CODEC_FAILED] == times > 0
    assert reasons[Reason.CODEC_OUT_OF_TIME] == 20 - times > 0
    for number in range(1, 10):
        reasons, times = await batch(number)
        if not times:
            break
    assert (reasons, times) == ({Reason.CODEC_OUT_OF_TIME: 20}, 0)
    lane.ahead = PAUSE_SECONDS + 1
    _, times = await batch(20)
    assert times > 0
    assert await rows(engine, "select count(*) from uplink") == [((number + 2) * 21,)]
    ((detail, payload),) = await rows(
        engine, "select detail, payload from rejection where reason = 'codec_out_of_time' order by id desc limit 1"
    )
    assert "can be decoded later" in detail
    assert payload.startswith(b'{"deduplicationId"')


async def test_when_the_installation_changes_meanwhile_the_right_guest_is_used(
    engine: AsyncEngine,
    car_park: CarPark,
    guest: Guest,
    install: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The locked row decides, and not the codec that was found before the transaction."""
    asked = tmp_path / "asked"
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 60)
    guest("before", waiting_guest(asked, tmp_path / "go"))
    folder = guest("after", "return OCCUPIED")
    (device,) = await car_park(1)
    await install(device, "before")
    recording = asyncio.create_task(Lane(engine, folder).commit([message(device, up(device))]))
    await until_there(asked, engine)
    await install(device, "after")
    (tmp_path / "go").touch()
    assert await recording == {}
    assert await rows(engine, "select state, codec from space, device") == [("OCCUPIED", "after")]
    assert await rows(engine, "select count(*) from uplink") == [(1,)]


async def test_a_batch_of_one_codec_of_ours_is_recorded_while_a_guest_hangs(
    engine: AsyncEngine, car_park: CarPark, guest: Guest, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another lane does not wait for the guest."""
    folder = guest("hangs", "time.sleep(1000)")
    hanging, other = await car_park(2)
    await install(hanging, "hangs")
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 10)
    lane = Lane(engine, folder)
    stuck = asyncio.create_task(lane.commit([message(hanging, up(hanging))]))
    assert await asyncio.wait_for(lane.commit([message(other, up(other))]), 30) == {}
    assert not stuck.done()
    stuck.cancel()
    with suppress(asyncio.CancelledError):
        await stuck
