"""What a batch becomes in the database: every uplink once, spaces as the state machine says, nothing lost for a reason."""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from typing_extensions import override

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message, without_its_end
from parking_gateway.core.committed import Committed
from parking_gateway.core.due import DueSpace
from parking_gateway.core.events import Reason, Rejection
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.intake.read import dead_letter, read
from parking_gateway.intake.record import record
from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store import codecs as numbered
from parking_gateway.store import due, rejections
from parking_gateway.store.pipeline import PipelinedConnection
from parking_gateway.store.pool import Pool, opened
from parking_gateway.store.query import Query
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, up
from tests.plugins.car_park import CarPark

LIMITS = chirpstack.Limits(payload_bytes=65_536, depth=32)
RECORDINGS = Path(__file__).parents[1] / "recordings"


async def recorded(
    engine: AsyncEngine, *batch: Message, decoder: Decoder | None = None, reads_changed: bool = False
) -> Committed:
    """Record the batch and commit, as one that was received for the first time."""
    now = datetime.now(UTC)
    found = read(batch, received_at=now, limits=LIMITS)
    found.may_repeat = False
    async with engine.begin() as connection:
        return await record(
            PipelinedConnection(connection),
            found,
            decoder=decoder or Decoder(),
            announce_every=timedelta(hours=1),
            reads_changed=reads_changed,
        )


async def rows(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.connect() as connection:
        return (await connection.execute(sa.text(query))).all()


async def test_a_car_that_comes_is_an_uplink_a_transition_and_a_space_that_is_due(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    cause = uuid4()
    outcome = await recorded(engine, message(device, up(device, OCCUPIED, at=1, f_cnt=7, deduplication_id=cause)))
    assert [uplink.deduplication_id for uplink in outcome.recorded] == [cause]
    at = NOON + timedelta(minutes=1)
    assert await rows(engine, "select deduplication_id, dev_eui, time, f_cnt, f_port, data, rssi, snr from uplink") == [
        (cause, device, at, 7, 1, OCCUPIED, -102, -7.25)
    ]
    assert await rows(engine, 'select "from", "to", at, cause from transition') == [
        ("FREE", "OCCUPIED", at, str(cause))
    ]
    assert await rows(engine, "select state, since, occupancy, contact from space_state") == [
        ("OCCUPIED", at, "occupied", "live")
    ]
    assert await rows(engine, "select version > published_version from space") == [(True,)]
    assert await rows(engine, "select contact, heard_at, f_cnt, rssi, codec from device") == [
        ("live", at, 7, -102, "bosch_tps110_v029")
    ]


async def test_the_changed_rows_are_read_as_they_are_behind_the_commit(engine: AsyncEngine, car_park: CarPark) -> None:
    """With all steps that the broker does not have."""
    first, second, third = await car_park(3)
    await recorded(engine, message(first, up(first, OCCUPIED, at=1, f_cnt=1)))
    batch = [
        message(first, up(first, VACANT, at=2, f_cnt=2)),
        message(second, up(second, OCCUPIED, at=2, f_cnt=2)),
        message(third, up(third, VACANT, at=2, f_cnt=2)),
    ]
    outcome = await recorded(engine, *batch, reads_changed=True)
    async with Pool(engine).connect() as connection:
        behind = due.with_steps(*await connection.commit_together(*due.changed_with_steps(outcome.changed)))
    by_key = {row.key: row for row in behind}
    assert {row.key: row for row in outcome.rows} == by_key
    steps = [len(row.steps) for key in outcome.changed if isinstance(row := by_key[key], DueSpace)]
    assert steps == [2, 1, 0]


async def test_an_uplink_that_is_there_already_costs_no_other_uplink_of_its_batch(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    """Nothing says that it was delivered before: another gateway recorded it, or the commit's answer was lost."""
    first, second = await car_park(2)
    known = message(first, up(first, OCCUPIED, at=1, f_cnt=7))
    await recorded(engine, known)
    outcome = await recorded(engine, message(second, up(second, OCCUPIED, at=2, f_cnt=7)), known)
    assert [uplink.device.dev_eui for uplink in outcome.recorded] == [second]
    assert outcome.duplicates == 1
    assert await rows(engine, "select dev_eui from uplink order by time") == [(first,), (second,)]
    assert await rows(engine, "select count(*) from transition") == [(2,)]


class Overtaken(PipelinedConnection):
    """A connection on which another gateway commits something before our first commit."""

    def __init__(self, connection: AsyncConnection, first: Callable[[], Awaitable[object]]) -> None:
        super().__init__(connection)
        self._first: Callable[[], Awaitable[object]] | None = first

    @override
    async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
        if (first := self._first) is not None:
            self._first = None
            await first()
        return await super().commit_together(*queries)


async def test_an_uplink_of_a_stranger_that_another_gateway_records_first_is_recorded_once(engine: AsyncEngine) -> None:
    """No lock orders the two, because the device watches no space; and the look at what is there came before."""
    stranger, other = dev_eui_of(91), dev_eui_of(92)
    common = message(stranger, up(stranger, at=1))
    found = read([common, message(other, up(other, at=2))], received_at=datetime.now(UTC), limits=LIMITS)
    async with engine.connect() as connection:
        outcome = await record(
            Overtaken(connection, lambda: recorded(engine, common)),
            found,
            decoder=Decoder(),
            announce_every=timedelta(hours=1),
        )
    assert [uplink.device.dev_eui for uplink in outcome.recorded] == [other]
    assert outcome.duplicates == 1
    assert await rows(engine, "select dev_eui from uplink order by time") == [(stranger,), (other,)]


async def test_the_codec_that_read_an_uplink_is_kept_with_it(engine: AsyncEngine, car_park: CarPark) -> None:
    """Also where it refused the frame. A stranger's frame was read by none."""
    (device,) = await car_park(1)
    stranger = dev_eui_of(91)
    await recorded(
        engine,
        message(device, up(device, OCCUPIED, at=1)),
        message(device, up(device, b"no frame of it", at=2)),
        message(stranger, up(stranger, OCCUPIED, at=3)),
    )
    identity = codecs.find("bosch_tps110_v029").identity
    assert await rows(
        engine, "select name, version from uplink left join codec on codec.id = codec_id order by time"
    ) == [
        tuple(identity),
        tuple(identity),
        (None, None),
    ]
    assert await rows(engine, "select count(*) from rejection") == [(1,)]


async def test_a_codec_is_looked_up_once_for_each_connection(database: str, car_park: CarPark) -> None:
    """But not remembered where its row was rolled back."""
    (device,) = await car_park(1)
    asked: list[Query[Any]] = []

    class Noted(PipelinedConnection):
        @override
        async def together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
            asked.extend(one for one in queries if one.statement is numbers)
            return await super().together(*queries)

        @override
        async def commit_together(self, /, *queries: Query[Any]) -> tuple[Any, ...]:
            if len(asked) == 1:
                await self.rollback()
                raise ConnectionResetError
            return await super().commit_together(*queries)

    numbers = numbered.numbers([]).statement
    async with opened(database, DatabaseConfig()) as pool, pool.connect() as ours:
        assert isinstance(ours, PipelinedConnection)
        for minute in range(4):
            batch = read([message(device, up(device, at=minute))], received_at=datetime.now(UTC), limits=LIMITS)
            with suppress(ConnectionResetError):
                await record(Noted(ours.raw), batch, decoder=Decoder(), announce_every=timedelta(hours=1))
    assert len(asked) == 2


async def test_a_frame_without_occupancy_moves_the_contact_alone(engine: AsyncEngine, car_park: CarPark) -> None:
    """And beside it, one with an occupancy moves both clocks of its space."""
    first, second = await car_park(2)
    await recorded(engine, message(first, up(first, at=1, f_cnt=1)), message(second, up(second, at=1, f_cnt=1)))
    silent = up(first, at=2, f_cnt=2).replace(b'"fPort": 1', b'"fPort": 0')
    await recorded(engine, message(first, silent), message(second, up(second, at=3, f_cnt=2)))
    minutes = [NOON + timedelta(minutes=minute) for minute in range(4)]
    assert await rows(engine, "select seen_at, heard_at from space order by id") == [
        (minutes[1], minutes[2]),
        (minutes[3], minutes[3]),
    ]


async def test_a_new_session_without_a_change_leaves_the_time_of_the_last_change(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    """Else the row would differ from its retained message for ever, because nothing is published without a new version."""
    (device,) = await car_park(1)
    await recorded(engine, message(device, up(device, at=1, f_cnt=7)))
    published = await rows(engine, "select version, updated_at from space")
    joined = up(device, at=2, f_cnt=0).replace(b'"devAddr": "01a2d830"', b'"devAddr": "01a2d831"')
    await recorded(engine, message(device, joined))
    assert await rows(engine, "select seen_dev_addr, seen_f_cnt from space") == [("01a2d831", 0)]
    assert await rows(engine, "select version, updated_at from space") == published


async def test_a_redelivered_batch_has_no_effect(engine: AsyncEngine, car_park: CarPark) -> None:
    """Nothing doubles: not the uplink, not the step, not the rejection, not the device's event."""
    (device,) = await car_park(1)
    join = b'{"time":"2026-11-23T12:00:00Z","deviceInfo":{"devEui":"%s"},"devAddr":"01"}' % device.encode()
    first = [message(device, up(device)), message(device, b"{"), message(device, join, event="join")]
    again = [Message(one.topic, one.payload, one.mid, one.qos, True) for one in first]  # noqa: FBT003
    await recorded(engine, *first)
    outcome = await recorded(engine, *again)
    assert (outcome.recorded, outcome.duplicates, outcome.steps) == ([], 1, [])
    for table in ("uplink", "transition", "rejection", "device_event"):
        assert await rows(engine, f"select count(*) from {table}") == [(1,)], table


async def test_an_uplink_twice_in_one_batch_is_one_uplink(engine: AsyncEngine, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    one = message(device, up(device))
    outcome = await recorded(engine, one, one)
    assert (len(outcome.recorded), outcome.duplicates) == (1, 1)


async def test_the_same_garbage_published_twice_is_two_rejections(engine: AsyncEngine) -> None:
    """Only what the broker marks as redelivered may be on record already."""
    await recorded(engine, message("x", b"garbage"))
    await recorded(engine, message("x", b"garbage"))
    assert await rows(engine, "select count(*) from rejection") == [(2,)]


async def test_an_unknown_device_loses_nothing(engine: AsyncEngine) -> None:
    outcome = await recorded(engine, message("00000000000000ff", up("00000000000000FF")))
    assert outcome.unassigned == 1
    assert await rows(engine, "select dev_eui from uplink") == [("00000000000000ff",)]
    assert await rows(engine, "select dev_eui, name, contact from device") == [("00000000000000ff", "bay 0FF", "live")]


@pytest.mark.parametrize("is_installed", [True, False])
async def test_a_device_is_published_when_a_published_field_has_changed(
    engine: AsyncEngine, car_park: CarPark, *, is_installed: bool
) -> None:
    """Its version counts the publications. A device without a space is no exception."""
    (device,) = await car_park(1) if is_installed else ["00000000000000ff"]
    row = f"select version, heard_at, tags from device where dev_eui = '{device}'"
    await recorded(engine, message(device, up(device, at=10)))
    ((first, *_),) = await rows(engine, row)

    await recorded(engine, message(device, up(device, at=12)))
    assert await rows(engine, row) == [(first, NOON + timedelta(minutes=10), {})]

    await recorded(engine, message(device, up(device, at=14, tags={"level": "1"})))
    changed = [(first + 1, NOON + timedelta(minutes=14), {"level": "1"})]
    assert await rows(engine, row) == changed

    await recorded(engine, message(device, up(device, at=13)), message(device, up(device, at=16, tags={"level": "1"})))
    assert await rows(engine, row) == changed

    await recorded(engine, message(device, up(device, at=74, tags={"level": "1"})))
    assert await rows(engine, row) == [(first + 2, NOON + timedelta(minutes=74), {"level": "1"})]


async def test_what_came_late_is_not_what_the_next_uplink_is_compared_with(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    """Heard after what was told, before what was heard last: the row stays, and so does its copy."""
    (device,) = await car_park(1)
    for at in (0, 20):
        await recorded(engine, message(device, up(device, at=at)))
    kept = "select version, heard_at, tags, snapshot->>0, snapshot->4 from device join installation using (dev_eui)"
    before = await rows(engine, kept)

    await recorded(engine, message(device, up(device, at=10, tags={"level": "1"})))

    assert await rows(engine, kept) == before
    ((*_, heard_at, tags),) = before
    assert (datetime.fromisoformat(heard_at), tags) == (NOON, {})


@pytest.mark.parametrize(
    "answer",
    [
        "Reading(at=datetime(2026, 11, 23), occupancy=Occupancy.OCCUPIED)",
        "Reading(occupancy=Occupancy.OCCUPIED, battery_percent=float('nan'))",
        "Reading(occupancy=Occupancy.OCCUPIED, battery_volts=float('inf'))",
        "Reading(occupancy=Occupancy.OCCUPIED, past=(Reading(at=datetime(2026, 11, 23)),))",
        "Reading(occupancy='occupied')",
        "Reading(occupancy=Occupancy.OCCUPIED, counter='1')",
    ],
)
async def test_a_wrong_answer_of_a_codec_costs_its_own_frame(
    engine: AsyncEngine, car_park: CarPark, tmp_path: Path, answer: str
) -> None:
    """Its uplink is recorded, and so is the rest of the batch."""
    guest, other = await car_park(2)
    await install(engine, tmp_path, guest, answer)
    outcome = await recorded(
        engine, message(guest, up(guest)), message(other, up(other)), decoder=Decoder(folder=tmp_path)
    )
    assert [letter.rejection.reason for letter in outcome.rejected] == [Reason.CODEC_FAILED]
    assert [step.after for step in outcome.steps] == ["OCCUPIED"]
    assert await rows(engine, "select count(*) from uplink") == [(2,)]


async def test_numbers_of_a_codec_that_cannot_be_are_not_published(
    engine: AsyncEngine, car_park: CarPark, tmp_path: Path
) -> None:
    """The occupancy that they accompany is."""
    (guest,) = await car_park(1)
    numbers = "battery_percent=130, battery_volts=1e-300, temperature_celsius=1e300, counter=2**70, distance_mm=2**40"
    past = "Reading(at=datetime(2026, 11, 23, tzinfo=UTC), battery_volts=1e300, distance_mm=-1)"
    answer = f"Reading(occupancy=Occupancy.OCCUPIED, {numbers}, confidence=1.2, fault='\\0\\ud800', past=({past},))"
    await install(engine, tmp_path, guest, answer)
    outcome = await recorded(engine, message(guest, up(guest)), decoder=Decoder(folder=tmp_path))
    assert outcome.rejected == []
    assert await rows(engine, "select state, battery_percent from space") == [("OCCUPIED", None)]
    columns = "battery_percent, battery_volts, temperature_celsius, counter, distance_mm, confidence, fault"
    assert await rows(engine, f"select {columns} from device") == [(None,) * 7]
    assert await rows(engine, "select battery_volts, distance_mm from past_reading") == [(None, None)]


MEASURED = "Reading(distance_mm=900, counter_in=7, counter_out=5, channels={1: Reading(distance_mm=790), 2: Reading(counter=3)})"
LATER = "Reading(channels={2: Reading(fault='no echo')})"
NO_ECHO = "Reading(fault='no echo', counter_in=8)"


@pytest.mark.parametrize("in_one_batch", [False, True])
async def test_all_that_a_device_measured_is_in_its_row(
    engine: AsyncEngine, car_park: CarPark, tmp_path: Path, *, in_one_batch: bool
) -> None:
    """A field that an uplink does not have keeps its value. A distance ends with the ability to measure it."""
    (guest,) = await car_park(1)
    await install(engine, tmp_path, guest, f"[{MEASURED}, {LATER}, {NO_ECHO}][frame.payload[0]]")
    uplinks = [message(guest, up(guest, bytes([at]), at=at * 90, f_cnt=at)) for at in range(3)]
    for batch in [uplinks] if in_one_batch else [[one] for one in uplinks]:
        await recorded(engine, *batch, decoder=Decoder(folder=tmp_path))
    columns = "distance_mm, counter_in, counter_out, channels, fault"
    assert await rows(engine, f"select {columns} from device") == [
        (None, 8, 5, {"1": {"distance_mm": 790}, "2": {"fault": "no echo"}}, "no echo")
    ]


async def install(engine: AsyncEngine, folder: Path, device: str, answer: str) -> None:
    """Let a codec of the drop-in folder read this device, and answer this."""
    (folder / "guest.py").write_text(
        "from datetime import UTC, datetime\n"
        "from decoders import Device, Occupancy, Reading\n"
        'DEVICE = Device(vendor="A", model="B", ports=())\n'
        f"def decode(frame):\n    return {answer}\n"
    )
    async with engine.begin() as connection:
        guest = "update installation set codec = 'guest' where dev_eui = :dev_eui"
        await connection.execute(sa.text(guest), {"dev_eui": device})


@pytest.mark.parametrize("f_port", [0, 1])
async def test_an_empty_payload_is_never_vacant(engine: AsyncEngine, car_park: CarPark, f_port: int) -> None:
    """Rule 6. On port 0 it is a sign of life; on the device's port it is no frame of the device."""
    (device,) = await car_park(1)
    await recorded(engine, message(device, up(device, OCCUPIED, at=1)))
    outcome = await recorded(engine, message(device, up(device, b"", at=2, f_port=f_port)))
    assert await rows(engine, "select state, count(*) from space_state group by 1") == [("OCCUPIED", 1)]
    assert [letter.rejection.reason for letter in outcome.rejected] == [Reason.UNDECODABLE] * f_port
    assert await rows(engine, "select count(*) from uplink") == [(2,)]


async def test_an_undecodable_frame_is_kept_and_rejected_and_only_a_sign_of_life(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    payload = up(device, b"\x01\x02\x03", at=1)
    outcome = await recorded(engine, message(device, payload))
    (uplink,) = outcome.recorded
    assert await rows(engine, "select reason, payload, dev_eui, deduplication_id from rejection") == [
        ("undecodable", payload, device, uplink.deduplication_id)
    ]
    # Heard and not understood: it is there, and nobody knows what it says.
    assert await rows(engine, "select contact, occupancy, state from space") == [("live", None, "FREE")]
    assert await rows(engine, "select contact from device") == [("live",)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xfe\x00 not json", "malformed"),
        (b'{"devEUI":"0101010101010101","applicationID":"1"}', "chirpstack_v3"),
        (b'{"deduplicationId":"no"}', "invalid"),
        (b"x" * 65_537, "too_large"),
    ],
)
async def test_what_cannot_be_read_is_a_rejection_with_its_bytes(
    engine: AsyncEngine, payload: bytes, reason: str
) -> None:
    """Of what is too large, with the first 4 kB."""
    kept = payload[:4096] if reason == "too_large" else payload
    await recorded(engine, message("x", payload))
    assert await rows(engine, "select reason, payload, topic like '%/event/up' from rejection") == [
        (reason, kept, True)
    ]


async def test_the_codec_is_the_installations_else_the_tags_else_the_profiles(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    devices = await car_park(4)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = null where dev_eui <> :d"), {"d": devices[0]})
    bosch = {"codec": "bosch-tps110-v039"}
    outcome = await recorded(
        engine,
        message(devices[0], up(devices[0], tags={"codec": "no_such_codec"})),
        message(devices[1], up(devices[1], tags=bosch, profile="P")),
        message(devices[2], up(devices[2], profile="P")),
        message(devices[3], up(devices[3])),
        decoder=Decoder(profiles={"P": Choice(codec="nwave_nps405", options={"layout": "legacy"})}),
    )
    assert outcome.without_codec == 1
    assert await rows(engine, "select codec from device order by dev_eui") == [
        ("bosch_tps110_v029",),
        ("bosch-tps110-v039",),
        ("nwave_nps405",),
        (None,),
    ]


async def test_a_tag_with_an_unknown_codec_is_a_rejection_with_that_reason(
    engine: AsyncEngine, car_park: CarPark
) -> None:
    (device,) = await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = null"))
    await recorded(engine, message(device, up(device, tags={"codec": "bosch_tps11"})))
    ((reason, detail),) = await rows(engine, "select reason, detail from rejection")
    assert reason == "codec_not_found"
    assert "did you mean bosch_tps110" in detail


async def test_a_broken_codec_costs_its_own_uplink_only(engine: AsyncEngine, car_park: CarPark, tmp_path: Path) -> None:
    devices = await car_park(2)
    (tmp_path / "broken.py").write_text(
        "from decoders import Device\nDEVICE = Device(vendor='v', model='m', ports=())\n"
        "def decode(frame):\n    return frame.payload[99]\n"
    )
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("update installation set codec = 'broken' where dev_eui = :d"), {"d": devices[0]}
        )
    outcome = await recorded(
        engine, *(message(device, up(device)) for device in devices), decoder=Decoder(folder=tmp_path)
    )
    assert [(letter.dev_eui, letter.rejection.reason) for letter in outcome.rejected] == [
        (devices[0], Reason.CODEC_FAILED)
    ]
    assert "IndexError" in outcome.rejected[0].rejection.detail
    assert [step.after for step in outcome.steps] == ["OCCUPIED"]


async def test_a_status_sets_the_battery_of_the_device_and_its_space(engine: AsyncEngine, car_park: CarPark) -> None:
    (device,) = await car_park(1)
    status = json.loads(up(device))
    status |= {"margin": 12, "externalPowerSource": False, "batteryLevelUnavailable": False, "batteryLevel": 78.74}
    await recorded(engine, message(device, json.dumps(status).encode(), event="status"))
    assert await rows(engine, "select battery_percent, margin_db, external_power from device") == [(79, 12, False)]
    assert await rows(engine, "select battery_percent, state, contact from space") == [(79, "FREE", "live")]


async def test_an_error_of_the_network_server_is_kept_with_the_device(engine: AsyncEngine) -> None:
    log = (
        b'{"time":"2026-11-23T12:00:00Z","deviceInfo":{"devEui":"a840410000000001"},"level":"ERROR",'
        b'"code":"UPLINK_CODEC","description":"Exception generated by codec","context":{"f_cnt":"1"}}'
    )
    await recorded(engine, message("a840410000000001", log, event="log"))
    assert await rows(engine, "select kind, level, code, details from device_event") == [
        ("log", "ERROR", "UPLINK_CODEC", {"context": {"f_cnt": "1"}})
    ]
    assert await rows(engine, "select last_error, contact from device") == [
        ("UPLINK_CODEC: Exception generated by codec", "never")
    ]


async def test_past_readings_are_kept_and_never_change_a_space(engine: AsyncEngine, car_park: CarPark) -> None:
    """A Milesight EM500-UDL: 2,700 mm now and, sent again from its store, 800 mm of 11:58:30."""
    (device,) = await car_park(1)
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("update installation set codec = 'milesight_em500_udl', options = cast(:options as jsonb)"),
            {"options": '{"occupied_below_mm": "1500"}'},
        )
    frame = bytes.fromhex("017562 03828c0a 20ce662a046b2003")
    await recorded(engine, message(device, up(device, frame, at=60, f_port=85)))
    assert await rows(engine, "select state, battery_percent from space") == [("FREE", 98)]
    assert await rows(engine, "select battery_percent, distance_mm, codec from device") == [
        (98, 2700, "milesight_em500_udl")
    ]
    assert await rows(engine, "select dev_eui, at, occupancy, distance_mm from past_reading") == [
        (device, datetime(2026, 11, 23, 11, 58, 30, tzinfo=UTC), "occupied", 800)
    ]


@pytest.mark.parametrize("form", ["json", "protobuf"])
async def test_everything_that_a_real_chirpstack_published_is_understood(engine: AsyncEngine, form: str) -> None:
    lines = (RECORDINGS / f"chirpstack-{form}.jsonl").read_text().splitlines()
    published = [json.loads(line) for line in lines]
    batch = [Message(one["topic"], b64decode(one["payload"]), 1, 1, False) for one in published]  # noqa: FBT003
    outcome = await recorded(engine, *batch)
    events = Counter(one["topic"].rpartition("/")[2] for one in published)
    assert outcome.received == events
    assert await rows(engine, "select count(*), count(distinct deduplication_id) from uplink") == [
        (events["up"], events["up"])
    ]
    assert await rows(engine, "select count(*) from rejection") == [(0,)]
    kinds = dict(await rows(engine, "select kind, count(*) from device_event group by 1"))
    assert kinds == {kind: count for kind, count in events.items() if kind not in ("up", "down")}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_order_in_any_batches_with_repeats_ends_in_the_same_spaces(
    engine: AsyncEngine, data: st.DataObject
) -> None:
    """The law of the state machine, through the database."""
    async with engine.begin() as connection:
        await connection.execute(sa.text("truncate site, uplink, device, rejection, device_event cascade"))
        for statement in (
            "insert into site (name) values ('s')",
            "insert into zone (site_id, name) select id, 'z' from site",
            "insert into space (zone_id, name) select id, n::text from zone, generate_series(1, 3) n",
            "insert into device (dev_eui) select 'a8404100' || lpad(n::text, 8, '0') from generate_series(1, 3) n",
            (
                "insert into installation (dev_eui, space_id, codec)"
                " select 'a8404100' || lpad(name, 8, '0'), id, 'bosch_tps110_v029' from space"
            ),
        ):
            await connection.execute(sa.text(statement))
    sent = data.draw(
        st.lists(
            st.builds(
                lambda n, data, at, f_cnt: message(
                    f"a84041000000000{n}", up(f"a84041000000000{n}", data, at=at, f_cnt=f_cnt)
                ),
                st.integers(1, 3),
                st.sampled_from([VACANT, OCCUPIED]),
                st.integers(0, 30),
                st.integers(0, 3),
            ),
            min_size=1,
            max_size=15,
        )
    )
    await recorded(engine, *sent)
    state = "select name, state, occupancy, seen_at, seen_f_cnt, heard_at, contact from space order by 1"
    expected = await rows(engine, state)
    async with engine.begin() as connection:
        await connection.execute(sa.text("truncate transition, uplink"))
        await connection.execute(
            sa.text(
                "update space set state = 'FREE', occupancy = null, seen_at = null, seen_f_cnt = 0, heard_at = null,"
                " contact = 'never', previous = null, version = 1"
            )
        )
    shuffled = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=5))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    for start, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True):
        await recorded(engine, *shuffled[start:end])
    assert await rows(engine, state) == expected
    broken = """
        select 1 from (select *, lag("to", 1, 'FREE') over (partition by space order by id) as previous from transition) t
        where "from" <> previous
        union all
        select 1 from space where state <> coalesce(
            (select "to" from transition where space = space.id order by transition.id desc limit 1), 'FREE')
    """
    assert await rows(engine, broken) == []


async def test_what_was_cut_while_it_came_is_too_large_and_kept_once(engine: AsyncEngine) -> None:
    """Delivered again, whole or cut, it is the same message."""
    whole = message("x", b"y" * 100_000, is_redelivered=True)
    for one in (without_its_end(whole), whole, without_its_end(whole)):
        await recorded(engine, one)
    assert await rows(engine, "select reason, detail, length(payload) from rejection") == [
        ("too_large", "The payload has 100000 bytes, at most 65536 are allowed.", 4096)
    ]


async def test_an_unknown_event_leaves_no_row_however_large_it_is(engine: AsyncEngine) -> None:
    await recorded(engine, without_its_end(message("x", b"y" * 100_000, event="nonsense")))
    assert await rows(engine, "select * from rejection") == []


async def test_of_a_rejection_topic_and_detail_are_cut(engine: AsyncEngine) -> None:
    """Else whoever may publish writes 60 kB into a row with every message. And no text is refused by PostgreSQL."""
    topic = "t\0" + "t" * 60_000 + "/up"
    payload = b'{"deduplicationId": "%b"}' % (b"x" * 50_000)
    now = datetime.now(UTC)
    rejection = Rejection(reason=Reason.GATEWAY_FAILED, detail="\0\ud800" + "d" * 10_000)
    letter = dead_letter(Message(topic, payload, 1, 1, False), rejection, now)  # noqa: FBT003
    async with engine.connect() as connection:
        await PipelinedConnection(connection).commit_together(rejections.record([letter]))
    ((kept, detail, length),) = await rows(engine, "select topic, detail, length(payload) from rejection")
    assert len(kept) < 1_100
    assert kept.startswith("ttt")
    assert kept.endswith("/up")
    assert len(detail) < 2_100
    assert detail.startswith("?ddd")
    assert length == len(payload)
