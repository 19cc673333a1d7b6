"""What wrong clocks do to spaces, devices and rows, through the database: nothing. And what is said about them."""

import json
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from decoders import Occupancy
from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.clock.partitions import make_missing
from parking_gateway.core.clocks import WrongClock
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DevEui
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.register.entries import Assignment, Entry, Place
from parking_gateway.register.outcome import Registered
from parking_gateway.register.registering import register
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, up
from tests.plugins.car_park import CarPark

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
DEVICE = DevEui(dev_eui_of(1))
MINUTE = timedelta(minutes=1)
CASES = [
    json.loads(line) for line in (Path(__file__).parents[1] / "recordings/clock-cases.jsonl").read_text().splitlines()
]
CODECS = {
    "a840411d31840003": ("dragino_dds75_lb", {"occupied_below_mm": "1500"}),
    "70b3d5e75e000005": ("nwave_nps405", {"layout": "current"}),
    "e1e2e3e4e5000006": ("moko_lw009_sm", {}),
}


def frame(  # noqa: PLR0913 - a frame, and every clock on its way
    status: bytes = OCCUPIED,
    *,
    f_cnt: int = 0,
    at: float = 0,
    claims: datetime | None = None,
    server: datetime | None = None,
    has_server_time: bool = True,
    tags: dict[str, str] | None = None,
) -> dict[str, Any]:
    """An uplink that the network server heard `at` minutes after noon; its `time` and `nsTime` may be others."""
    event: dict[str, Any] = json.loads(up(DEVICE, status, at=at, f_cnt=f_cnt, tags=tags))
    (reception,) = event["rxInfo"]
    if claims:
        event["time"] = claims.isoformat()
        reception |= {"gwTime": claims.isoformat(), "timeSinceGpsEpoch": "1479757125.795305984s"}
    if server:
        reception["nsTime"] = server.isoformat()
    if not has_server_time:
        del reception["nsTime"]
    return event


def messages_of(*events: dict[str, Any]) -> list[Message]:
    return [message(DEVICE, json.dumps(event).encode()) for event in events]


async def recorded(
    engine: AsyncEngine, *batch: Message, received_at: datetime = NOON + 90 * MINUTE, every: timedelta = 60 * MINUTE
) -> Committed:
    """Record the batch as received then, and commit."""
    found = read(batch, received_at=received_at, limits=LIMITS)
    async with engine.begin() as connection:
        return await record(PipelinedConnection(connection), found, decoder=Decoder(), announce_every=every)


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


async def installed(engine: AsyncEngine, device: str, codec: str, options: dict[str, str]) -> None:
    entry = Entry(
        place=Place("central", "level-1", "A-1"),
        assignment=Assignment(dev_eui=DevEui(device), channel=0, codec=codec, options=options),
        where="",
    )
    async with engine.begin() as connection:
        outcome = await register(PipelinedConnection(connection), [entry], decoder=Decoder(), now=NOON)
    assert isinstance(outcome, Registered)


async def emptied(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("truncate site, uplink, device, rejection, device_event cascade"))


# As a real ChirpStack published it


@pytest.mark.parametrize(
    ("case", "states"),
    [(CASES[0], ["FREE", "OCCUPIED", "FREE"]), (CASES[1], ["FREE", "OCCUPIED"]), (CASES[2], ["OCCUPIED", "FREE"])],
    ids=[case["case"] for case in CASES[:3]],
)
async def test_a_space_follows_the_frame_with_the_highest_counter(
    engine: AsyncEngine, case: dict[str, Any], states: list[str]
) -> None:
    """After every message as they came, and in the end in whatever order they come."""
    codec, options = CODECS[case["dev_eui"]]
    messages = [Message(one["topic"], b64decode(one["payload"]), 1, 1, False) for one in case["messages"]]  # noqa: FBT003
    seen_at = [datetime.fromisoformat(one["seen_at"]) for one in case["messages"]]
    state = "select state, contact from space"
    for order in permutations(range(len(messages))):
        await emptied(engine)
        await installed(engine, case["dev_eui"], codec, options)
        for place in order:
            await recorded(engine, messages[place], received_at=seen_at[place])
            if order == tuple(range(len(messages))):
                assert await rows(engine, state) == [(states[place], "live")]
        assert await rows(engine, state) == [(states[-1], "live")]
        ((heard_at,),) = await rows(engine, "select heard_at from device")
        assert min(seen_at) - MINUTE < heard_at <= max(seen_at)


async def test_a_device_follows_whichever_battery_came_last(engine: AsyncEngine) -> None:
    """The payload says 80 %, the device status 50 %, by turns, each pair of one instant: the device is as its space."""
    case = CASES[3]
    await installed(engine, case["dev_eui"], *CODECS[case["dev_eui"]])
    seen = set()
    for one in case["messages"]:
        received_at = datetime.fromisoformat(one["seen_at"])
        await recorded(engine, Message(one["topic"], b64decode(one["payload"]), 1, 1, False), received_at=received_at)  # noqa: FBT003
        ((of_space, of_device),) = await rows(
            engine, "select space.battery_percent, device.battery_percent from space, device"
        )
        assert of_device == of_space
        seen.add(of_device)
    assert seen >= {80, 50}


# The law


@st.composite
def stories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A device's frames with increasing counters, by clocks that step by up to an hour and claims that are years off."""
    f_cnt, minutes, events = draw(st.integers(0, 1000)), 0.0, []
    for _ in range(draw(st.integers(1, 6))):
        f_cnt += draw(st.integers(1, 12))
        minutes += draw(st.integers(0, 80))
        claims = draw(st.sampled_from([None, *CLAIMS]))
        at = minutes - draw(st.integers(0, 60)) - 600
        status, tags = (
            draw(st.sampled_from([VACANT, OCCUPIED])),
            draw(st.sampled_from([{"level": "1"}, {"level": "2"}])),
        )
        events.append(frame(status, f_cnt=f_cnt, at=at, claims=claims, tags=tags))
    return events


CLAIMS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1980, 1, 6, tzinfo=UTC),
    NOON + timedelta(minutes=30),
    datetime(2036, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
]
a_law = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def last_word(story: list[dict[str, Any]]) -> tuple[int, str, str]:
    last = story[-1]
    return (
        last["fCnt"],
        "occupied" if b64decode(last["data"]) == OCCUPIED else "vacant",
        last["deviceInfo"]["tags"]["level"],
    )


@a_law
@given(data=st.data(), story=stories())
async def test_space_and_device_end_in_the_state_of_the_frame_with_the_highest_counter(
    engine: AsyncEngine, data: st.DataObject, story: list[dict[str, Any]]
) -> None:
    """In any order, in any batches, with repeats, and each uplink is there once."""
    await emptied(engine)
    await installed(engine, DEVICE, "bosch_tps110_v029", {})
    sent = data.draw(st.permutations(messages_of(*story, *data.draw(st.lists(st.sampled_from(story), max_size=4)))))
    cut = data.draw(st.integers(0, len(sent)))
    for batch in (sent[:cut], sent[cut:]):
        if batch:
            await recorded(engine, *batch)
    f_cnt, occupancy, level = last_word(story)
    assert await rows(engine, "select seen_f_cnt, occupancy from space") == [(f_cnt, occupancy)]
    assert await rows(engine, "select tags->>'level' from device") == [(level,)]
    assert await rows(engine, "select count(*), count(distinct deduplication_id) from uplink") == [
        (len(story), len(story))
    ]


@a_law
@given(data=st.data(), story=stories())
async def test_a_replay_ends_so_too(engine: AsyncEngine, data: st.DataObject, story: list[dict[str, Any]]) -> None:
    """A device that is installed after it was heard."""
    await emptied(engine)
    await recorded(engine, *data.draw(st.permutations(messages_of(*story))))
    await installed(engine, DEVICE, "bosch_tps110_v029", {})
    f_cnt, occupancy, _ = last_word(story)
    assert await rows(engine, "select seen_f_cnt, occupancy from space") == [(f_cnt, occupancy)]


# Rows


@pytest.mark.parametrize("form", ["json", "protobuf"])
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(frame(server=NOON + 91 * MINUTE + timedelta(seconds=1)), id="a server's clock just out of bounds"),
        pytest.param(frame(claims=datetime(1980, 1, 6, tzinfo=UTC), has_server_time=False), id="1980 and no nsTime"),
        pytest.param(frame(claims=datetime(2036, 1, 1, tzinfo=UTC)), id="2036"),
        pytest.param(frame(claims=CLAIMS[0], server=CLAIMS[0]), id="the year 1"),
        pytest.param(frame(claims=CLAIMS[-1], server=CLAIMS[-1]), id="the year 9999"),
    ],
)
async def test_a_redelivery_is_no_second_row_though_it_is_dated_otherwise(
    engine: AsyncEngine, event: dict[str, Any], form: str
) -> None:
    """Recorded by one gateway, and a minute later by another, which knows nothing of the first."""
    integration = pytest.importorskip("chirpstack_api.integration")
    payload = json.dumps(event).encode()
    if form == "protobuf":
        payload = ParseDict(event, integration.UplinkEvent()).SerializeToString()
    made = await make_missing(Pool(engine), now=NOON)
    first = await recorded(engine, message(DEVICE, payload), received_at=NOON + 90 * MINUTE)
    again = await recorded(engine, message(DEVICE, payload), received_at=NOON + 92 * MINUTE)
    assert (len(first.recorded), len(again.recorded), again.duplicates) == (1, 0, 1)
    ((count, heard_at),) = await rows(engine, "select count(*), min(heard_at) from uplink")
    assert count == 1
    assert abs(heard_at - NOON) <= 91 * MINUTE
    tables = await rows(engine, "select inhrelid::regclass::text from pg_inherits where inhparent = 'uplink'::regclass")
    assert {name for (name,) in tables} == {
        "uplink_default",
        *(name for name in made if name.startswith("uplink")),
    }


async def test_an_uplink_that_claims_another_time_is_kept_with_its_claim(engine: AsyncEngine) -> None:
    claims = datetime(2036, 1, 1, tzinfo=UTC)
    outcome = await recorded(engine, *messages_of(frame(f_cnt=1), frame(f_cnt=2, at=1, claims=claims)))
    assert len(outcome.wrong_clocks) == 1
    assert await rows(engine, "select time, heard_at, dev_addr, claimed_at, claimed_by from uplink order by f_cnt") == [
        (NOON, NOON, "01a2d830", None, None),
        (NOON + MINUTE, NOON + MINUTE, "01a2d830", claims, "83d9f4c106d20001"),
    ]


async def test_a_device_event_is_dated_as_an_uplink_without_a_servers_clock(engine: AsyncEngine) -> None:
    event = frame(claims=datetime(1, 1, 1, tzinfo=UTC))
    outcome = await recorded(engine, message(DEVICE, json.dumps(event).encode(), event="join"))
    assert len(outcome.wrong_clocks) == 1
    assert await rows(
        engine, "select device_event.heard_at, joined_at from device_event join device using (dev_eui)"
    ) == [(NOON + 90 * MINUTE, NOON + 90 * MINUTE)]


async def test_a_sensor_with_undecodable_frames_is_live_and_unknown(engine: AsyncEngine, car_park: CarPark) -> None:
    """And counts as reachable: rule 7."""
    (device,) = await car_park(1)
    outcome = await recorded(engine, message(device, up(device, b"no frame of it")))
    assert [letter.rejection.reason for letter in outcome.rejected] == ["undecodable"]
    assert await rows(engine, "select contact, occupancy, state from space_state") == [("live", "unknown", "FREE")]


# What is said about it


async def test_an_uplink_that_a_clock_holds_back_is_a_problem_of_its_device_until_one_counts(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    """The network server's clock goes back by five hours: nothing can tell that from a backlog."""
    await car_park(1)
    problem = "select problem, state, snapshot is null, device.version from device, space, installation"
    await recorded(engine, *messages_of(frame(VACANT, f_cnt=7)))
    ((*before, version),) = await rows(engine, problem)
    assert before == [None, "FREE", False]
    outcome = await recorded(engine, *messages_of(frame(OCCUPIED, f_cnt=8, at=-300)))
    assert [uplink.f_cnt for uplink in outcome.held_back] == [8]
    assert [notice.kind for notice in outcome.notices] == ["clock"]
    assert await rows(engine, problem) == [("clock", "FREE", True, version + 1)]
    outcome = await recorded(engine, *messages_of(frame(OCCUPIED, f_cnt=9, at=1)))
    assert outcome.held_back == []
    assert await rows(engine, problem) == [(None, "OCCUPIED", False, version + 2)]


async def test_an_older_frame_is_only_late(engine: AsyncEngine, car_park: CarPark) -> None:
    await car_park(1)
    await recorded(engine, *messages_of(frame(OCCUPIED, f_cnt=8)))
    outcome = await recorded(engine, *messages_of(frame(VACANT, f_cnt=7, at=-300), frame(VACANT, f_cnt=6, at=1)))
    assert outcome.held_back == []
    assert await rows(engine, "select state, problem from space, device") == [("OCCUPIED", None)]


@pytest.mark.parametrize("first", [0, 1])
async def test_a_late_battery_report_does_not_outdo_a_later_uplink(engine: AsyncEngine, first: int) -> None:
    """Though that uplink said nothing new, so that it is not what the row of the device was written with."""
    case = CASES[3]
    await installed(engine, case["dev_eui"], *CODECS[case["dev_eui"]])
    ups = [one for one in case["messages"] if one["topic"].endswith("/up")]
    status = next(one for one in case["messages"][3:] if one["topic"].endswith("/status"))
    sent = [ups[0], ups[-1], status] if first else [status, ups[0], ups[-1]]
    for one in sent:
        received_at = datetime.fromisoformat(case["messages"][-1]["seen_at"])
        await recorded(engine, Message(one["topic"], b64decode(one["payload"]), 1, 1, False), received_at=received_at)  # noqa: FBT003
    batteries = await rows(engine, "select space.battery_percent, device.battery_percent from space, device")
    assert batteries == [(80, 80)]


async def test_the_battery_of_a_status_is_published_once_and_not_with_every_later_uplink(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    """The status frame of a TPS110 has no battery level."""
    await car_park(1)
    version = "select version, battery_percent from device"
    await recorded(engine, *messages_of(frame(VACANT, f_cnt=1)))
    ((before, _),) = await rows(engine, version)
    status = frame(at=1) | {"batteryLevel": 41.7}
    await recorded(engine, message(DEVICE, json.dumps(status).encode(), event="status"))
    for f_cnt in (2, 3):
        await recorded(engine, *messages_of(frame(VACANT, f_cnt=f_cnt, at=f_cnt)))
    assert await rows(engine, version) == [(before + 1, 42)]


def test_the_words_of_the_cases_are_those_of_the_recording() -> None:
    assert [case["expected"] for case in CASES[:2]] == [
        "the space follows the uplink that came last and has the higher fCnt"
    ] * 2
    assert Occupancy.VACANT in CASES[2]["expected"]


async def test_a_clock_of_ours_that_is_set_back_freezes_no_space_and_accuses_no_gateway(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    """By ten minutes. The network server and its gateways agree, so the clock that differs is ours, or the server's."""
    await car_park(1)
    await recorded(engine, *messages_of(frame(VACANT, f_cnt=7)), received_at=NOON)
    outcome = await recorded(engine, *messages_of(frame(OCCUPIED, f_cnt=8, at=1)), received_at=NOON - 9 * MINUTE)
    assert await rows(engine, "select state, since from space") == [("OCCUPIED", NOON - 9 * MINUTE)]
    (uplink,) = outcome.wrong_clocks
    assert uplink.wrong_clock == WrongClock(claimed=NOON + MINUTE)


async def test_a_clock_of_ours_that_was_a_year_ahead_freezes_no_space_and_no_device(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    """Its frames are dated by it, and then lie in the future: they count as the oldest, also for another session."""
    await car_park(1)
    now = datetime.now(UTC)
    ahead, minutes = now + timedelta(days=365), (now - NOON) / MINUTE
    await recorded(engine, *messages_of(frame(VACANT, f_cnt=7, at=minutes)), received_at=ahead)
    assert await rows(engine, "select heard_at from device") == [(ahead,)]
    await recorded(engine, *messages_of(frame(OCCUPIED, f_cnt=8, at=minutes)), received_at=now)
    found = "select state, space.seen_at, space.heard_at, device.heard_at from space, device"
    assert await rows(engine, found) == [("OCCUPIED", now, now, now)]
    await recorded(engine, *messages_of(frame(VACANT, f_cnt=7, at=minutes - 1)), received_at=now)
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]


@pytest.mark.parametrize("apart", [0.3 / 60, 30.0])
async def test_receivers_whose_clocks_differ_freeze_no_space(
    engine: AsyncEngine, car_park: CarPark, apart: float
) -> None:
    """By 0.3 s, or half an hour by a network server's clock that was ahead and is set."""
    await car_park(1)
    await recorded(engine, *messages_of(frame(VACANT, f_cnt=7, at=apart)))
    await recorded(engine, *messages_of(frame(OCCUPIED, f_cnt=8)))
    assert await rows(engine, "select state from space") == [("OCCUPIED",)]
