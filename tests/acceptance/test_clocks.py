"""A LoRaWAN gateway whose clock is wrong: uplinks are recorded all the same, and log, metrics and doctor name the gateway."""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests import forked
from tests.events import OCCUPIED, VACANT, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import has_recorded, publish, settled, until, value

GATEWAY = "83d9f4c106d20001"
GPS_OF_1980, IN_2036 = datetime(1980, 1, 6, tzinfo=UTC), datetime(2036, 2, 7, tzinfo=UTC)


def uplink_at(
    device: str, status: bytes, f_cnt: int, *, ago: timedelta = timedelta(), claims: datetime | None = None
) -> bytes:
    """An uplink that the network server received `ago`, and for which a LoRaWAN gateway with GPS claims another time."""
    event: dict[str, Any] = json.loads(up(device, status, f_cnt=f_cnt))
    at = (datetime.now(UTC) - ago).isoformat()
    event["time"] = claims.isoformat() if claims else at
    event["rxInfo"][0]["nsTime"] = at
    if claims:
        event["rxInfo"][0] |= {"gwTime": claims.isoformat(), "timeSinceGpsEpoch": "0s"}
    return json.dumps(event).encode()


def doctor(database: str, broker: Broker, *arguments: str) -> Any:
    environment = {"PARKING_GATEWAY_DATABASE__URL": database, "PARKING_GATEWAY_MQTT__URL": broker.url}
    ran = forked.run("doctor", "--listen", "0", "--json", *arguments, env=os.environ | environment)
    return json.loads(ran.stdout)


async def test_a_clock_of_2036_or_1980_changes_no_order_and_is_named(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """It is counted, logged once an hour with the gateway's id, and named by doctor; the lag is not 47 years."""
    (device,) = await car_park(1)
    daemon.serve_pages()
    daemon.start_and_wait()
    frames = [(VACANT, None), (OCCUPIED, IN_2036), (VACANT, GPS_OF_1980), (OCCUPIED, None)]
    for f_cnt, (status, claims) in enumerate(frames, 1):
        await publish(broker, [(topic_of(device), uplink_at(device, status, f_cnt, claims=claims))])
        await until(partial(has_recorded, engine, f_cnt - 1), "the uplink")
        expected = "occupied" if status == OCCUPIED else "vacant"
        assert await value(engine, "select occupancy from space") == expected
    retained = await settled(engine, broker, database, uplinks=4)
    assert datetime.fromisoformat(json.loads(retained[f"{ROOT}/devices/{device}"])["last_heard"]) <= datetime.now(UTC)
    assert await value(engine, "select count(*) from uplink where claimed_by = '" + GATEWAY + "'") == 2
    assert daemon.metric("parking_gateway_clock_corrected_total") == 2
    assert daemon.metric('parking_gateway_uplink_lag_seconds_bucket{le="60.0"}') == daemon.metric(
        "parking_gateway_uplink_lag_seconds_count"
    )
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines() if "clock of a LoRaWAN" in line]
    assert [(line["lorawan_gateway"], line["seconds_ahead"] > 0) for line in lines] == [(GATEWAY, True)]
    (check,) = [one for one in await asyncio.to_thread(doctor, database, broker) if one["about"] == "clocks"]
    assert check["verdict"] == "wrong"
    assert GATEWAY in check["detail"]
    assert "behind" in check["detail"]
    assert "2 uplinks" in check["detail"]
    assert daemon.terminate() == 0


async def test_an_uplink_that_is_held_back_is_counted_logged_and_a_problem_of_its_device(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """The network server's clock is five hours behind, as in a backlog."""
    (device,) = await car_park(1)
    daemon.serve_pages()
    daemon.start_and_wait()
    behind = uplink_at(device, OCCUPIED, 2, ago=timedelta(hours=5))
    await publish(broker, [(topic_of(device), uplink_at(device, VACANT, 1)), (topic_of(device), behind)])
    retained = await settled(engine, broker, database, uplinks=2)
    assert await value(engine, "select occupancy from space") == "vacant"
    assert json.loads(retained[f"{ROOT}/devices/{device}"])["problem"] == "clock"
    assert daemon.metric("parking_gateway_uplinks_held_back_total") == 1
    lines = [json.loads(line) for line in daemon.log.read_text().splitlines() if "counts as older" in line]
    assert [(line["dev_eui"], line["f_cnt"]) for line in lines] == [(device, 2)]
    found = await asyncio.to_thread(doctor, database, broker, "--devices")
    assert [(one["dev_eui"], one["problem"]) for one in found["findings"]] == [(device, "clock")]
    await publish(broker, [(topic_of(device), uplink_at(device, OCCUPIED, 3))])
    await settled(engine, broker, database, uplinks=3)
    assert json.loads((await read_retained(broker.url, ROOT))[f"{ROOT}/devices/{device}"])["problem"] is None
    assert daemon.terminate() == 0


@pytest.mark.usefixtures("lasting")
async def test_two_gateways_that_receive_the_same_event_record_it_once(
    daemon: Daemon, second_daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Without a shared subscription. Each gateway dates an event without a believable clock by its own receipt."""
    (device,) = await car_park(1)
    for one in (daemon, second_daemon):
        one.start_and_wait()
    sent = []
    for f_cnt in range(40):
        event = json.loads(uplink_at(device, OCCUPIED, f_cnt, claims=GPS_OF_1980))
        del event["rxInfo"][0]["nsTime"]
        sent.append((topic_of(device), json.dumps(event).encode()))
    await publish(broker, sent)
    for one in (daemon, second_daemon):
        assert one.terminate() == 0
    assert await value(engine, "select count(*) from uplink") == len(sent)
    assert await value(engine, "select count(distinct deduplication_id) from uplink") == len(sent)
    assert await value(engine, "select count(*) from uplink where heard_at < now() - interval '1 hour'") == 0


async def test_a_sensor_that_falls_silent_is_lost_on_the_board_and_back_with_its_next_uplink(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """The state of its space is held meanwhile; counts show the space as unreachable."""
    (device,) = await car_park(1)
    daemon.configure(clock__lost_after="2", clock__missed_heartbeats="0")
    daemon.start_and_wait()
    await publish(broker, [(topic_of(device), uplink_at(device, OCCUPIED, 1))])
    for contact, unreachable in (("lost", 1), ("live", 0)):
        await until(partial(is_published, broker, device, contact, unreachable), f"its contact is {contact}")
        if contact == "lost":
            await publish(broker, [(topic_of(device), uplink_at(device, OCCUPIED, 2))])
    assert await value(engine, "select count(*) from transition") == 1


async def test_a_gateway_that_starts_more_often_than_a_sensor_may_be_silent_calls_it_silent_all_the_same(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """The broker has kept what came meanwhile, so it has listened since before the restart."""
    (device,) = await car_park(1)
    daemon.configure(clock__missed_heartbeats="0")
    daemon.start_and_wait()
    await publish(broker, [(topic_of(device), uplink_at(device, OCCUPIED, 1))])
    await until(partial(has_recorded, engine, 0), "the uplink")
    await until(
        partial(value, engine, "select exists (select from gateway where listening_since is not null)"),
        "that it listens",
    )
    assert daemon.terminate() == 0
    async with engine.begin() as connection:
        for earlier in (
            "update gateway set listening_since = listening_since - interval '3 days'",
            "update broker_session set began_at = began_at - interval '3 days'",
            "update space set heard_at = heard_at - interval '2 days', seen_at = seen_at - interval '2 days'",
        ):
            await connection.execute(sa.text(earlier))
    daemon.start_and_wait()
    await until(partial(is_published, broker, device, "lost", 1), "its contact is lost")
    assert await value(engine, "select listening_since < now() - interval '2 days' from gateway")


async def is_published(broker: Broker, device: str, contact: str, unreachable: int) -> bool:
    """Whether the space, its device and its zone are published so, and the state of the space is held."""
    retained = {topic: json.loads(payload) for topic, payload in (await read_retained(broker.url, ROOT)).items()}
    topics = ("spaces/central/level-1/A-1", f"devices/{device}", "zones/central/level-1")
    space, published, counts = (retained.get(f"{ROOT}/{topic}", {}) for topic in topics)
    found = space.get("state"), space.get("contact"), published.get("contact"), counts.get("unreachable")
    return found == ("OCCUPIED", contact, contact, unreachable)
