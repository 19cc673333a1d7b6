"""Uplinks of counters: each counts once for its zone, and what the zone shows comes from them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.broker.message import Message
from parking_gateway.contract.rendering import rendered
from parking_gateway.core.due import DueKind
from parking_gateway.core.events import Reason
from parking_gateway.store.pipeline import PipelinedConnection
from tests.due import due_in
from tests.events import OCCUPIED, dev_eui_of, message, up
from tests.intake.test_record import recorded, rows
from tests.plugins.car_park import CarPark

ENTRY, EXIT = dev_eui_of(901), dev_eui_of(902)
COUNTERS = f"""
    insert into counter (dev_eui, zone_id, direction, codec)
    select devices.name, zone.id, devices.direction, 'milesight_vs133'
    from zone, (values ('{ENTRY}', 'both'), ('{EXIT}', 'out')) as devices (name, direction)
    where zone.name = 'park'
"""
ROOF = (
    f"update counter set channel = 2 where dev_eui = '{ENTRY}'",
    "insert into zone (site_id, name, capacity, counted_since) select id, 'roof', 9, 'epoch' from site",
    f"""
    insert into counter (dev_eui, channel, zone_id, direction, codec)
    select '{ENTRY}', 1, id, 'in', 'milesight_vs133' from zone where name = 'roof'
    """,
)
COUNT = "select count, drift from zone where name = 'park'"


@pytest.fixture
async def park(engine: AsyncEngine, car_park: CarPark) -> list[str]:
    """A zone with two spaces, and beside it a counted one for 20 cars with a counter at its entry and one at its exit."""
    devices = await car_park(2)
    statements = (
        "insert into zone (site_id, name, capacity, count, counted_since) select id, 'park', 20, 5, 'epoch' from site",
        COUNTERS,
        "update site set published_version = version",
        "update zone set published_version = version",
    )
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))
    return devices


def passed(device: str, came: int, left: int, *, at: float, cause: str | None = None) -> Message:
    payload = b"\x03\xd2" + came.to_bytes(4, "little") + b"\x04\xd2" + left.to_bytes(4, "little")
    return message(device, up(device, payload, at=at, f_cnt=int(at), f_port=85, deduplication_id=cause))


async def test_what_drives_in_and_out_is_counted_once(engine: AsyncEngine, park: list[str]) -> None:
    again = "7a1b0c5e-2f60-4a0e-9d5f-000000000001"
    first = await recorded(engine, passed(ENTRY, 100, 40, at=1), passed(EXIT, 0, 70, at=1))
    assert (first.unassigned, first.without_codec, first.has_new_counts) == (0, 0, True)
    assert await rows(engine, COUNT) == [(5, 0)]
    await recorded(engine, passed(ENTRY, 107, 41, at=2, cause=again))
    repeated = await recorded(engine, passed(ENTRY, 107, 41, at=2, cause=again), passed(EXIT, 0, 72, at=3))
    assert repeated.duplicates == 1
    assert await rows(engine, COUNT) == [(9, 0)]
    assert await rows(engine, f"select tracks->'came'->'last'->>'value' from counter where dev_eui = '{ENTRY}'") == [
        ("107",)
    ]
    assert await rows(engine, f"select codec, contact from device where dev_eui = '{ENTRY}'") == [
        ("milesight_vs133", "live")
    ]


async def test_a_late_and_a_lost_uplink_change_nothing_in_the_end(engine: AsyncEngine, park: list[str]) -> None:
    await recorded(engine, passed(ENTRY, 100, 40, at=1))
    await recorded(engine, passed(ENTRY, 109, 42, at=9))
    late = await recorded(engine, passed(ENTRY, 104, 40, at=4))
    assert len(late.recorded) == 1
    assert await rows(engine, COUNT) == [(12, 0)]


async def published(engine: AsyncEngine, kind: DueKind) -> Mapping[str, dict[str, Any]]:
    async with engine.connect() as connection:
        found = await due_in(PipelinedConnection(connection), kind)
    return {one.topic: json.loads(one.payload) for one in rendered("parking/v1", found)}


async def test_a_counted_zone_and_its_site_show_the_counters(engine: AsyncEngine, park: list[str]) -> None:
    assert await published(engine, DueKind.ZONE) == {}
    (watched, _) = park
    await recorded(engine, passed(ENTRY, 100, 40, at=1), message(watched, up(watched, OCCUPIED)))
    await recorded(engine, passed(ENTRY, 103, 40, at=2))
    zones = await published(engine, DueKind.ZONE)
    assert list(zones) == ["parking/v1/zones/central/park"]
    cars = {"total": 20, "free": 12, "occupied": 8, "unreachable": 0, "occupancy": 0.4}
    assert (
        zones["parking/v1/zones/central/park"].items()
        >= {**cars, "capacity": 20, "source": "counter", "drift": 0}.items()
    )
    device = (await published(engine, DueKind.DEVICE))[f"parking/v1/devices/{ENTRY}"]
    assert (device["site"], device["zone"], device["space"]) == ("central", "park", None)
    ((topic, site),) = (await published(engine, DueKind.SITE)).items()
    assert topic == "parking/v1/sites/central"
    assert (site["total"], site["free"], site["occupied"]) == (22, 13, 9)
    assert "source" not in site


async def test_the_bounds_hide_cars_and_a_large_drift_is_a_notice(engine: AsyncEngine, park: list[str]) -> None:
    await recorded(engine, passed(ENTRY, 100, 40, at=1))
    outcome = await recorded(engine, passed(ENTRY, 100, 49, at=2), passed(ENTRY, 100, 51, at=3))
    assert await rows(engine, COUNT) == [(0, -6)]
    (notice,) = outcome.notices
    details = {"site": "central", "zone": "park", "count": 0, "capacity": 20, "drift": -6}
    assert (notice.kind, notice.details) == ("drift", details)
    assert await rows(engine, "select kind, details from notice") == [("drift", details)]
    assert (await recorded(engine, passed(ENTRY, 100, 60, at=4))).notices == []


async def test_a_frame_that_cannot_be_decoded_is_rejected_and_counts_nothing(
    engine: AsyncEngine, park: list[str]
) -> None:
    outcome = await recorded(engine, message(ENTRY, up(ENTRY, b"\x7f", f_port=85)))
    assert [one.rejection.reason for one in outcome.rejected] == [Reason.UNDECODABLE]
    assert await rows(engine, COUNT) == [(5, 0)]


async def test_each_line_of_a_device_counts_its_own_zone(engine: AsyncEngine, park: list[str]) -> None:
    async with engine.begin() as connection:
        for statement in ROOF:
            await connection.execute(sa.text(statement))
    for at, (first, second) in enumerate(((10, 20), (13, 21)), 1):
        lines = b"\x03\xd2" + first.to_bytes(4, "little") + b"\x06\xd2" + second.to_bytes(4, "little")
        await recorded(engine, message(ENTRY, up(ENTRY, lines, at=at, f_cnt=at, f_port=85)))
    assert await rows(engine, "select name, count from zone where capacity is not null order by 1") == [
        ("park", 6),
        ("roof", 3),
    ]
