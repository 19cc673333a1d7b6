"""Whatever an event holds: PostgreSQL refuses no statement for it, and a wrong optional field never costs the uplink."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.chirpstack.events import EVENTS
from parking_gateway.core.committed import Committed
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.intake.read import read
from parking_gateway.intake.record import record
from parking_gateway.store.pipeline import PipelinedConnection
from tests.events import message, up
from tests.plugins.car_park import CarPark

LIMITS = chirpstack.Limits(payload_bytes=262_144, depth=32)
HERE = "HERE"

ORNAMENTS: tuple[tuple[str | int, ...], ...] = (
    ("deviceInfo", "deviceName"),
    ("deviceInfo", "deviceProfileName"),
    ("deviceInfo", "applicationName"),
    ("deviceInfo", "tags"),
    ("deviceInfo", "tags", "codec"),
    ("dr",),
    ("adr",),
    ("confirmed",),
    ("devAddr",),
    ("rxInfo",),
    ("rxInfo", 0),
    ("rxInfo", 0, "gatewayId"),
    ("rxInfo", 0, "rssi"),
    ("rxInfo", 0, "snr"),
    ("rxInfo", 0, "location"),
    ("object",),
    ("object", "value"),
    ("object", "list"),
    ("txInfo",),
    ("unheard of",),
)
"""Places in an uplink that carry neither identity nor counter, port, payload or time."""
NUMBERS = ("NaN", "-Infinity", "1e309", "1e308", "-1e39", "3.5e38", "1e-300", "5e-324", "-1e-46", "0.1", "-0.0")
WHOLE = ("32768", "-32769", "2147483648", "9223372036854775808", "1" * 300, "1" * 5000)
TEXTS = (r'"\ud800"', r'"\u0000"', r'"a\udfff\u0000b"', '"\x00"', r'"\\u0000"', '"7"', f'"{"x" * 100_000}"', r'"\\x\""')
SHAPES = (
    "null",
    "true",
    "[]",
    "{}",
    "[null]",
    r'{"\u0000": 1}',
    r'{"\ud800": "\ud800"}',
    "[[[[1]]]]",
    "[" * 40 + "]" * 40,
)


def spoiled() -> Iterator[bytes]:
    """Uplinks with each of these values in each of these places, and with raw bytes that are no text."""
    event = json.loads(up("a840410000000001"))
    event["object"] = {"value": 1, "list": [1]}
    event["deviceInfo"]["tags"] = {"codec": "bosch_tps110_v029"}
    for place in ORNAMENTS:
        for value in NUMBERS + WHOLE + TEXTS + SHAPES:
            yield written(event, place, value.encode())
        yield written(event, place, b'"\xff\xed\xa0\x80"')


def written(event: dict[str, Any], place: tuple[str | int, ...], value: bytes) -> bytes:
    """The event with these bytes in that place, and an identity of its own."""
    changed = json.loads(json.dumps(event | {"deduplicationId": str(uuid4())}))
    part = changed
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = HERE
    return json.dumps(changed).encode().replace(b'"HERE"', value)


async def recorded(engine: AsyncEngine, batch: list[Message]) -> Committed:
    now = datetime.now(UTC)
    found = read(batch, received_at=now, limits=LIMITS)
    async with engine.connect() as connection:
        return await record(
            PipelinedConnection(connection), found, decoder=Decoder(), announce_every=timedelta(hours=1)
        )


async def test_no_optional_field_costs_an_uplink(engine: AsyncEngine, car_park: CarPark) -> None:
    """All of them in one batch: one that PostgreSQL refused would cost the whole."""
    (device,) = await car_park(1)
    batch = [message(device, payload) for payload in spoiled()]
    outcome = await recorded(engine, batch)
    assert [letter.rejection for letter in outcome.rejected] == []
    assert len(outcome.recorded) == len(batch) > 500


async def test_a_nul_in_a_topic_costs_no_rejection(engine: AsyncEngine) -> None:
    """A rejection that cannot be written would come again for ever."""
    nul = Message("application/a/device/\0/event/up", b"{", 1, 1, is_redelivered=False)
    await recorded(engine, [nul])
    async with engine.connect() as connection:
        assert await connection.scalar(sa.text("select topic from rejection")) == "application/a/device//event/up"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
STRUCTS = {
    "dr": json_values,
    "margin": json_values,
    "batteryLevel": json_values,
    "fCntDown": json_values,
    "fPort": json_values,
    "fCnt": json_values,
    "time": st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | json_values,
    "deduplicationId": st.uuids().map(str) | json_values,
    "object": json_values,
    "rxInfo": st.lists(st.fixed_dictionaries({}, optional={"rssi": json_values, "snr": json_values}), max_size=3),
    "location": st.fixed_dictionaries({}, optional=dict.fromkeys(("latitude", "altitude", "source"), json_values)),
    "context": st.dictionaries(st.text(max_size=6), json_values, max_size=3),
    "level": json_values,
    "description": json_values,
    "devAddr": json_values,
}
events = st.tuples(
    st.sampled_from(sorted(EVENTS)),
    st.fixed_dictionaries({}, optional=STRUCTS),
    st.fixed_dictionaries({}, optional={"deviceName": json_values, "tags": json_values}),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drawn=st.lists(events, min_size=1, max_size=30))
async def test_postgresql_refuses_nothing_that_was_read_of_an_event(engine: AsyncEngine, drawn: list[Any]) -> None:
    """JSON of any shape in any place, as Python writes it: with NaN and halves of surrogates."""
    batch = [
        message(
            "00000000000000ff",
            json.dumps(
                {"deduplicationId": str(uuid4()), "time": "2026-11-23T12:00:00Z"}
                | fields
                | {"deviceInfo": {"devEui": "00000000000000ff"} | info}
            ).encode(),
            event=name,
        )
        for name, fields, info in drawn
    ]
    outcome = await recorded(engine, batch)
    async with engine.connect() as connection:
        kept = await connection.scalar(sa.text("select count(*) from uplink where dev_eui = '00000000000000ff'"))
    assert (kept or 0) >= len(outcome.recorded)
