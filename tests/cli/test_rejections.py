"""Rejected messages are listed, shown, tried again and deleted, and stored uplinks are replayed."""

import asyncio
import gzip
import json
import os
import pty
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.cli.commands.rejection_advice import ADVICE
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT
from parking_gateway.clock import retention
from parking_gateway.clock.moment import Moment
from parking_gateway.clock.partitions import make_missing
from parking_gateway.core.events import DevEui, Reason, Rejection
from parking_gateway.decoding import codecs
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.loop import Intake
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.intake.retrying import Retried, Retry
from parking_gateway.process.config.retention import RetentionConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.process.wall_clock import utc
from parking_gateway.register.replay import paging
from parking_gateway.register.replay.stored import Replayer
from parking_gateway.store.dead_letters import Wanted
from parking_gateway.store.patience import Patience
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from tests import forked
from tests.cli.test_register import invoke, run_on
from tests.clock.test_history import correct
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import publish, settled

ONE, TWO = (DevEui(dev_eui_of(number)) for number in (1, 2))
WRONG = "milesight_em310_udl"
"""A codec that refuses the frames of a Bosch TPS110."""
TOTALS = bytes.fromhex("03d20700000004d202000000")
"""A frame of a Milesight VS133: 7 came and 2 left."""
LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
STEPS = 'select space, "from", "to", at, cause from transition order by id'


async def recorded(engine: AsyncEngine, *batch: Message, received_at: datetime | None = None) -> None:
    """Record messages as the gateway does."""
    found = read(batch, received_at=received_at or datetime.now(UTC), limits=LIMITS)
    async with engine.begin() as connection:
        await record(PipelinedConnection(connection), found, decoder=Decoder(), announce_every=timedelta(hours=1))


async def use(engine: AsyncEngine, codec: str, device: str = ONE) -> None:
    """Choose the codec of a device by hand, as if it had been mended."""
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("update installation set codec = :codec where dev_eui = :device"),
            {"codec": codec, "device": device},
        )


async def rows(engine: AsyncEngine, statement: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return [tuple(row) for row in (await connection.execute(sa.text(statement))).all()]


async def retried(pool: Pool, wanted: Wanted | None = None, *, limit: int | None = None) -> Retried:
    """Try rejections again, as the command does."""
    retry = Retry(
        database=pool,
        guests=Guests(Decoder()),
        limits=LIMITS,
        announce_every=timedelta(hours=1),
        clock=utc,
    )
    return await retry.retry(wanted or Wanted(), limit=limit)


def frames(device: str, *statuses: bytes, first: int = 0) -> list[Message]:
    """Uplinks of a device, one a minute."""
    return [
        message(device, up(device, status, at=number, f_cnt=number))
        for number, status in enumerate(statuses, start=first)
    ]


# A codec that was mended


async def test_a_mended_file_of_a_codec_decodes_what_it_rejected(
    engine: AsyncEngine, car_park: CarPark, database: str, tmp_path: Path
) -> None:
    """With the real command, and a codec in the drop-in folder."""
    await car_park(1)
    await use(engine, "bay_sensor")
    codec = tmp_path / "bay_sensor.py"
    await recorded(engine, *frames(ONE, *[OCCUPIED, VACANT] * 10))
    assert await rows(engine, "select count(*), min(reason) from rejection") == [(20, "codec_not_found")]
    codec.write_text(_CODEC)
    result = run_on(database, "rejections", "retry", "--json", DECODERS__FOLDER=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "rejections": 20,
        "recorded": 20,
        "remaining": 0,
        "reasons": {},
        "transitions": 20,
    }
    assert await rows(engine, "select state, seen_f_cnt from space") == [("FREE", 19)]
    assert await rows(engine, "select codec from device") == [("bay_sensor",)]


_CODEC = """
from decoders import Device, Occupancy, Reading

DEVICE = Device(vendor="We", model="Bay", ports=())

def decode(frame):
    return Reading(occupancy=Occupancy.OCCUPIED if frame.payload == b"\\x01" else Occupancy.VACANT)
"""


@st.composite
def stories(draw: st.DrawFn) -> list[tuple[float, int, bytes, bool]]:
    """Frames in any order: minute, counter, status, and whether the codec is wrong when it comes."""
    count = draw(st.integers(1, 8))
    at, found = 0.0, []
    for f_cnt in range(count):
        at += draw(st.integers(0, 90))
        found.append((at, f_cnt, draw(st.sampled_from([OCCUPIED, VACANT])), draw(st.booleans())))
    return draw(st.permutations(found))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=stories(), was_ever_right=st.booleans())
async def test_a_retry_ends_as_if_the_codec_had_always_been_right(
    engine: AsyncEngine,
    pool: Pool,
    car_park: CarPark,
    story: list[tuple[float, int, bytes, bool]],
    was_ever_right: bool,  # noqa: FBT001 - of hypothesis
) -> None:
    """The states are equal, and log and stays too once the past is corrected. A second retry changes nothing."""
    await emptied(engine)
    await car_park(2)
    wrong = 0
    for at, f_cnt, status, is_wrong in story:
        is_refused = is_wrong or not was_ever_right
        wrong += is_refused
        await use(engine, WRONG if is_refused else "bosch_tps110_v029")
        await recorded(engine, message(ONE, up(ONE, status, at=at, f_cnt=f_cnt)))
    for at, f_cnt, status, _ in sorted(story):
        await recorded(engine, message(TWO, up(TWO, status, at=at, f_cnt=f_cnt)))
    await use(engine, "bosch_tps110_v029")
    outcome = await retried(pool)
    assert (outcome.total, outcome.recorded, outcome.remaining.total()) == (wrong, wrong, 0)
    assert await rows(engine, "select count(*) from rejection") == [(0,)]
    columns = "state, occupancy, contact, heard_at, seen_at, seen_dev_addr, seen_f_cnt"
    ours, others = await rows(engine, f"select {columns} from space order by id")
    assert ours == others
    columns = "codec, battery_percent, distance_mm, fault, tamper, contact"
    ours, others = await rows(engine, f"select {columns} from device order by dev_eui")
    assert ours == others
    await correct(pool)
    assert await steps_of(engine, 1) == await steps_of(engine, 2)
    assert await stays_of(engine, 1) == await stays_of(engine, 2)
    everything = "select sum(version), sum(xmin::text::bigint) from space"
    before = await rows(engine, everything), await rows(engine, STEPS)
    assert (await retried(pool)).total == 0
    assert (await rows(engine, everything), await rows(engine, STEPS)) == before


async def steps_of(engine: AsyncEngine, number: int) -> Sequence[Any]:
    """The steps of the space of that number, with their times."""
    return await rows(
        engine,
        'select "from", "to", at from transition join space on space.id = space'
        f" where name = 'A-{number}' and withdrawn_at is null order by at, transition.id",
    )


async def stays_of(engine: AsyncEngine, number: int) -> Sequence[Any]:
    """The stays in that space."""
    columns = "arrived_at, departed_at, reservation"
    return await rows(engine, f"select {columns} from stay where space = 'A-{number}' order by arrived_at")


async def emptied(engine: AsyncEngine) -> None:
    tables = "uplink, rejection, transition, installation, space, zone, site, device, past_reading, past_stay, late"
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"truncate {tables} cascade"))


async def test_a_history_of_many_pages_is_retried_in_its_order(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "DEVICES", 2)
    monkeypatch.setattr(paging, "UPLINKS", 3)
    devices = await car_park(5)
    for device in devices:
        await use(engine, WRONG, device)
        await recorded(engine, *frames(device, *[OCCUPIED, VACANT] * 4))
        await use(engine, "bosch_tps110_v029", device)
    outcome = await retried(pool)
    assert (outcome.recorded, outcome.transitions) == (40, 40)
    assert await rows(engine, "select distinct state, seen_f_cnt from space") == [("FREE", 7)]
    # The log of each space has the order of its frames.
    assert await rows(
        engine, "select count(*) from transition a join transition b using (space) where a.id < b.id and a.at > b.at"
    ) == [(0,)]


async def test_what_still_fails_remains_with_its_present_reason(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    await car_park(1)
    await use(engine, "no_such_codec")
    await recorded(engine, *frames(ONE, OCCUPIED))
    await use(engine, WRONG)
    before = await rows(engine, "select id, received_at from rejection where reason = 'codec_not_found'")
    outcome = await retried(pool)
    assert (outcome.total, outcome.recorded, dict(outcome.remaining)) == (1, 0, {"undecodable": 1})
    assert await rows(engine, "select id, received_at from rejection where reason = 'undecodable'") == before
    assert await rows(engine, "select occupancy from space") == [(None,)]


async def test_an_uplink_of_a_device_without_space_remains(engine: AsyncEngine, pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    await use(engine, WRONG)
    await recorded(engine, *frames(ONE, OCCUPIED))
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from installation"))
    outcome = await retried(pool)
    assert (outcome.recorded, dict(outcome.remaining)) == (0, {"undecodable": 1})


async def test_a_frame_of_a_counter_is_decoded_once_its_codec_is_right(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    """It counts nothing afterwards, because the next total has what it had."""
    await car_park(1)
    add = "insert into counter (dev_eui, zone_id, direction, codec) select '{}', id, 'both', '{}' from zone"
    async with engine.begin() as connection:
        await connection.execute(sa.text("update zone set capacity = 20, count = 5, counted_since = 'epoch'"))
        await connection.execute(sa.text(add.format(TWO, "bosch_tps110_v029")))
    await recorded(engine, message(TWO, up(TWO, TOTALS, f_port=85)))
    still = await retried(pool)
    assert (still.recorded, dict(still.remaining)) == (0, {"undecodable": 1})
    async with engine.begin() as connection:
        await connection.execute(sa.text("update counter set codec = 'milesight_vs133'"))
    outcome = await retried(pool)
    assert (outcome.total, outcome.recorded, outcome.transitions) == (1, 1, 0)
    assert await rows(engine, "select from rejection") == []
    assert await rows(engine, f"select codec, counter_in, counter_out from device where dev_eui = '{TWO}'") == [
        ("milesight_vs133", 7, 2)
    ]
    assert await rows(engine, "select count, drift from zone") == [(5, 0)]
    codec = "select codec.name from uplink join codec on codec.id = uplink.codec_id"
    assert await rows(engine, codec) == [("milesight_vs133",)]


async def test_two_retries_at_once_do_it_once(engine: AsyncEngine, pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    await recorded(engine, *[message(ONE, b"{", event="up")] * 2)
    await refuse_uplinks(engine)
    await recorded_with_net(pool, *frames(ONE, OCCUPIED, VACANT))
    await use(engine, WRONG)
    await accept_uplinks(engine)
    await recorded(engine, *frames(ONE, OCCUPIED, VACANT, first=2))
    await use(engine, "bosch_tps110_v029")
    one, other = await asyncio.gather(retried(pool), retried(pool))
    assert one.recorded + other.recorded == 4
    assert await rows(engine, "select reason from rejection") == [("malformed",), ("malformed",)]
    assert await rows(engine, "select count(*) from uplink") == [(4,)]
    assert len(await steps_of(engine, 1)) == 4


# A message that could not be recorded


async def refuse_uplinks(engine: AsyncEngine) -> None:
    """As a trigger of the operator's does."""
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(
                "create function refuse() returns trigger language plpgsql as"
                " $$ begin raise exception using errcode = '22023', message = 'not on Sundays'; end $$"
            )
        )
        await connection.execute(
            sa.text("create trigger refuses before insert on uplink for each row execute function refuse()")
        )


async def accept_uplinks(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("drop function refuse cascade"))


async def recorded_with_net(pool: Pool, *messages: Message) -> None:
    """Record by the whole intake, which rejects what PostgreSQL refuses."""
    intake = Intake(
        database=pool,
        decoder=Decoder(),
        limits=LIMITS,
        batch_size=100,
        timeout=timedelta(seconds=30),
        patience=Patience(
            pool,
            backoff=Backoff(shortest=timedelta(seconds=0.01), longest=timedelta(seconds=0.1)),
            stop=asyncio.Event(),
            report=lambda _purpose, _error: None,
        ),
        announce_every=timedelta(hours=1),
        clock=utc,
        taken=lambda _batch: None,
        settled=lambda: None,
        report=lambda _committed: None,
    )
    await intake.commit(messages)


async def test_a_refused_message_is_recorded_once_the_trigger_is_gone(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    """With its own time of receipt. Until then it remains."""
    await car_park(1)
    await refuse_uplinks(engine)
    await recorded_with_net(pool, *frames(ONE, OCCUPIED, VACANT, OCCUPIED))
    received = await rows(engine, "select received_at from rejection")
    assert len(received) == 3
    outcome = await retried(pool)
    assert (outcome.recorded, dict(outcome.remaining)) == (0, {"invalid": 3})
    assert await rows(engine, "select distinct detail from rejection") == [("PostgreSQL refuses it: not on Sundays",)]
    await accept_uplinks(engine)
    outcome = await retried(pool, limit=2)
    assert (outcome.recorded, outcome.transitions) == (2, 2)
    outcome = await retried(pool)
    assert (outcome.recorded, outcome.transitions) == (1, 1)
    assert await rows(engine, "select received_at from uplink") == received
    assert await rows(engine, "select state, seen_f_cnt from space") == [("OCCUPIED", 2)]


async def test_a_recorded_frame_that_no_codec_reads_remains_as_undecodable(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    """One mistake may hide another."""
    await car_park(1)
    await use(engine, WRONG)
    await refuse_uplinks(engine)
    await recorded_with_net(pool, *frames(ONE, OCCUPIED))
    await accept_uplinks(engine)
    assert dict((await retried(pool)).remaining) == {"undecodable": 1}
    assert await rows(engine, "select dev_eui, count(*) over () from rejection") == [(ONE, 1)]
    assert await rows(engine, "select count(*) from uplink") == [(1,)]
    await use(engine, "bosch_tps110_v029")
    assert (await retried(pool)).recorded == 1
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]


async def test_garbage_and_too_large_messages_remain(engine: AsyncEngine, pool: Pool, database: str) -> None:
    await recorded(engine, message(ONE, b"garbage"), message(ONE, b"{" * (LIMITS.payload_bytes + 1)))
    before = await rows(engine, "select * from rejection order by id")
    assert dict((await retried(pool)).remaining) == {"malformed": 1, "too_large": 1}
    assert await rows(engine, "select * from rejection order by id") == before
    result = run_on(database, "rejections", "retry", "--reason", "too_large")
    assert result.stdout == (
        f"0 of 1 rejection were recorded, 1 remains (0 state changes).\ntoo_large: 1. {ADVICE[Reason.TOO_LARGE]}\n"
    )


# Stored uplinks


async def test_a_replay_corrects_the_state_of_frames_that_were_read_wrongly(
    engine: AsyncEngine, car_park: CarPark, database: str
) -> None:
    """A codec may have read "vacant" where a car stands. The log keeps its steps and gets one more."""
    await car_park(1)
    await recorded(engine, *frames(ONE, OCCUPIED, VACANT))
    async with engine.begin() as connection:
        # As if the codec had read the opposite.
        await connection.execute(
            sa.text("update space set occupancy = 'occupied', state = 'OCCUPIED', previous = 'FREE'")
        )
    before = await steps_of(engine, 1)
    result = run_on(database, "replay", "--device", ONE.upper(), "--since", NOON.isoformat())
    assert result.stdout == "Replayed: 2 stored uplinks, 0 unreadable, with 1 state change.\n"
    assert await rows(engine, "select state, occupancy, seen_f_cnt from space") == [("FREE", "vacant", 1)]
    assert (await steps_of(engine, 1))[:-1] == before
    again = json.loads(run_on(database, "replay", "--device", ONE, "--json").stdout)
    now = str(codecs.find("bosch_tps110_v029").identity)
    assert again == {
        "dry_run": False,
        "uplinks": 2,
        "unreadable": 0,
        "transitions": 0,
        "rejections": {"recorded": 0, "remaining": {}},
        "codecs": [{"read_by": now, "now": now, "uplinks": 2}],
        "spaces": [],
    }


async def test_a_replay_reads_the_given_range_and_deletes_its_rejections(
    engine: AsyncEngine, car_park: CarPark, database: str
) -> None:
    await car_park(2)
    await use(engine, WRONG)
    await recorded(engine, *frames(ONE, OCCUPIED, VACANT, OCCUPIED, VACANT))
    await use(engine, "bosch_tps110_v029")
    minute = timedelta(minutes=1)
    begin, end = (NOON + minute).isoformat(), (NOON + 3 * minute).isoformat()
    result = run_on(database, "replay", "--device", ONE, "--since", begin, "--until", end)
    assert result.stdout == (
        "Replayed: 2 stored uplinks, 0 unreadable, with 1 state change.\n"
        "Deleted: 2 rejections of uplinks that can be decoded now.\n"
    )
    assert await rows(engine, "select state, seen_f_cnt from space where name = 'A-1'") == [("OCCUPIED", 2)]
    assert await rows(engine, "select count(*) from rejection") == [(2,)]
    unknown = run_on(database, "replay", "--device", "ffffffffffffffff")
    assert unknown.stdout == "Replayed: 0 stored uplinks, 0 unreadable, with 0 state changes.\n"


async def test_an_archive_is_replayed_as_the_stored_uplinks_would_be(
    engine: AsyncEngine, pool: Pool, car_park: CarPark, database: str, tmp_path: Path
) -> None:
    """The month is archived and dropped, and then the codec is mended: the log ends as without the drop."""
    await car_park(1)
    await use(engine, WRONG)
    statuses = [OCCUPIED, VACANT] * (paging.UPLINKS // 2) + [OCCUPIED]
    then = NOON - timedelta(days=40)
    sent = [up(ONE, status, at=number - 40 * 24 * 60, f_cnt=number) for number, status in enumerate(statuses)]
    await make_missing(pool, now=then)
    await recorded(engine, *(message(ONE, one) for one in sent), received_at=then + timedelta(hours=9))
    assert await rows(engine, "select count(*) from rejection") == [(len(statuses),)]
    # The newest uplink decides which month is old. It is heard by no space.
    await recorded(engine, message(TWO, up(TWO, OCCUPIED, at=0, f_cnt=1)), received_at=NOON)
    config = RetentionConfig(uplinks=1, rejections=0, device_events=0, past_readings=0, archive=tmp_path)
    moment = Moment(now=NOON, listening_since=None, lost_after=timedelta(1), instance="i", retention=config)
    assert (await retention.go(pool, moment)).partitions_dropped == 1
    assert await rows(engine, "select count(*) from uplink") == [(1,)]
    await use(engine, "bosch_tps110_v029")
    archive = str(tmp_path / f"uplink_{then:%Y_%m}.jsonl.gz")
    result = run_on(database, "replay", "--device", ONE, "--archive", archive)
    assert result.stdout == (
        f"Replayed: {len(statuses)} archived uplinks, 0 unreadable, with {len(statuses)} state changes.\n"
        f"Deleted: {len(statuses)} rejections of uplinks that can be decoded now.\n"
    )
    assert await rows(engine, 'select count(*), max("to") from transition') == [(len(statuses), "OCCUPIED")]
    again = run_on(database, "replay", "--device", ONE, "--archive", archive)
    assert again.stdout == f"Replayed: {len(statuses)} archived uplinks, 0 unreadable, with 0 state changes.\n"


def test_a_file_that_is_no_archive_of_uplinks_is_refused(database: str, tmp_path: Path) -> None:
    wrong = tmp_path / "rejection_2026_01.jsonl.gz"
    wrong.write_bytes(gzip.compress(f'{{"dev_eui": "{ONE}", "id": 1}}\n'.encode()))
    result = invoke(database, "replay", "--device", ONE, "--archive", str(wrong))
    assert result.returncode == 1
    assert f"{wrong} is no archive of uplinks: Object missing required field" in result.stderr
    absent = invoke(database, "replay", "--device", ONE, "--archive", str(tmp_path / "absent"))
    assert "cannot be read as an archive: [Errno 2] No such file or directory" in absent.stderr


async def test_another_codec_completes_the_devices_row_and_the_past_readings(
    engine: AsyncEngine, pool: Pool, car_park: CarPark
) -> None:
    await car_park(1)
    await recorded(engine, *frames(ONE, OCCUPIED))
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(
                "update installation set codec = 'milesight_em310_udl', options = '{\"occupied_below_mm\": \"400\"}'"
            )
        )
        await connection.execute(sa.text("update uplink set data = decode('01753203826400040000', 'hex'), f_port = 85"))
    (version,) = await rows(engine, "select version from device")
    replayer = Replayer(database=pool, guests=Guests(Decoder()), clock=utc)
    result = await replayer.replay({ONE: NOON})
    assert (result.replayed.uplinks, result.replayed.unreadable) == (1, 0)
    assert await rows(engine, "select codec, battery_percent, distance_mm from device") == [
        ("milesight_em310_udl", 50, 100)
    ]
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = 'dragino_dds75_lb'"))
        await connection.execute(sa.text("update uplink set data = decode(:data, 'hex'), f_port = 3"), {"data": _PAST})
    await replayer.replay({ONE: NOON})
    await replayer.replay({ONE: NOON})
    assert await rows(engine, "select position, occupancy, distance_mm from past_reading order by 1") == [
        (0, "vacant", 800),
        (1, None, None),
    ]
    assert [version] < list(await rows(engine, "select version from device"))


_PAST = "0ce4032000fa416b042a660cda0000ffce436b042c00"
"""Two stored readings, the second without a distance."""


# What a person types


@pytest.fixture
async def two_rejections(engine: AsyncEngine, car_park: CarPark) -> None:
    """A refused frame of the first device, three hours old, and garbage of the second."""
    await car_park(2)
    await use(engine, WRONG)
    await recorded(engine, *frames(ONE, OCCUPIED), received_at=datetime.now(UTC) - timedelta(hours=3))
    await recorded(engine, message(TWO, b"\xff\x00"))


@pytest.mark.usefixtures("two_rejections")
def test_rejections_are_filtered_shown_and_purged(database: str) -> None:
    def ids(*filters: str) -> list[int]:
        return [one["id"] for one in json.loads(invoke(database, "rejections", "list", "--json", *filters).stdout)]

    newest, oldest = ids()
    assert ids("--reason", "undecodable") == ids("--device", ONE.upper()) == ids("--until", "1h") == [oldest]
    assert ids("--since", "1h") == ids("--limit", "1") == [newest]
    assert ids("--reason", "undecodable", "--since", "1h") == []
    shown = invoke(database, "rejections", "show", str(oldest)).stdout
    assert f"topic             {topic_of(ONE)}\n" in shown
    assert '"devEui": "' in shown
    assert shown.endswith(f"what to do        {ADVICE[Reason.UNDECODABLE]}\n")
    document = json.loads(invoke(database, "rejections", "show", str(newest), "--json").stdout)
    assert (document["payload"], document["text"], document["advice"]) == ("ff00", None, ADVICE[Reason.MALFORMED])
    assert "ff00 (hexadecimal)" in invoke(database, "rejections", "show", str(newest)).stdout
    tried = invoke(database, "rejections", "purge", "--until", "1h", "--dry-run")
    assert (tried.stdout, len(ids())) == ("Would be deleted: 1 rejection.\n", 2)
    assert invoke(database, "rejections", "purge", "--until", "1h").stdout == "Deleted: 1 rejection.\n"
    assert ids() == [newest]
    assert json.loads(invoke(database, "rejections", "purge", "--all", "--json").stdout)["rejections"] == 1
    assert ids() == []
    assert invoke(database, "rejections", "retry").stdout == "There are no such rejections.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rejections", "show", "7"], "There is no rejection 7: `parking-gateway rejections list` lists them.\n"),
        (
            ["rejections", "purge"],
            "Choose the rejections with --reason, --device, --since or --until, or delete all with --all.\n",
        ),
        (
            ["rejections", "list", "--since", "yesterday"],
            "'yesterday' is no time: write it as 2026-03-01, 2026-03-01T08:00Z, or an age such as 90min, 12h or 3d.\n",
        ),
        (["replay", "--device", "12"], "'12' is no DevEUI: write 16 hexadecimal digits.\n"),
    ],
)
def test_a_mistake_is_one_sentence(database: str, arguments: list[str], sentence: str) -> None:
    result = invoke(database, *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", sentence)


def test_there_is_advice_for_every_reason() -> None:
    assert set(ADVICE) == set(Reason)


@pytest.mark.parametrize("depth", [4, 500])
def test_no_setting_changes_what_is_too_deep(depth: int) -> None:
    """So the advice names none. `chirpstack.max_depth` drops an object and keeps its uplink."""
    limits = chirpstack.Limits(payload_bytes=10**6, depth=depth)
    payload = up(ONE)[:-1] + b',"object":' + b'{"a":' * 20_000 + b"1" + b"}" * 20_000 + b"}"
    rejection = chirpstack.parse(topic_of(ONE), payload, received_at=NOON, limits=limits)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.TOO_DEEP
    assert "chirpstack." not in ADVICE[Reason.TOO_DEEP]


@pytest.mark.parametrize("reason", [Reason.TOO_LARGE, Reason.TOO_DEEP, Reason.MALFORMED, Reason.CHIRPSTACK_V3])
def test_a_message_that_can_never_be_recorded_is_not_tried_again(reason: Reason) -> None:
    assert "retry" not in ADVICE[reason]


async def test_a_person_is_asked_before_a_purge(engine: AsyncEngine, database: str) -> None:
    await recorded(engine, message(ONE, b"garbage"))
    for answer, left in (("n", 1), ("y", 0)):
        shown = await asyncio.to_thread(in_a_terminal, database, answer)
        assert "Delete 1 rejection? [y/N]" in shown
        assert await rows(engine, "select count(*) from rejection") == [(left,)]


def in_a_terminal(url: str, answer: str) -> str:
    """Delete all rejections in a terminal, with this answer."""
    ours, its = pty.openpty()
    environment = os.environ | {"PARKING_GATEWAY_DATABASE__URL": url}
    os.write(ours, f"{answer}\n".encode())
    result = forked.run("rejections", "purge", "--all", stdin=its, env=environment, timeout=60)
    os.close(its)
    os.close(ours)
    return result.stderr


async def test_a_running_gateway_publishes_what_a_retry_changed(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, database: str
) -> None:
    await car_park(1)
    await use(engine, WRONG)
    daemon.configure(PUBLICATION__POLL_INTERVAL="0.2")
    daemon.start_and_wait()
    await publish(broker, [(topic_of(ONE), up(ONE, OCCUPIED))])
    before = await settled(engine, broker, database, uplinks=1)
    topic = f"{ROOT}/spaces/central/level-1/A-1"
    assert json.loads(before[topic])["state"] == "FREE"
    await use(engine, "bosch_tps110_v029")
    result = await asyncio.to_thread(run_on, database, "rejections", "retry")
    assert result.stdout == "1 of 1 rejection was recorded, 0 remain (1 state change).\n"
    after = await settled(engine, broker, database, uplinks=1)
    assert json.loads(after[topic])["state"] == "OCCUPIED"
