"""While something is wrong, metrics, pages, retained health and systemd report the same."""

import asyncio
import json
import signal
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.events import OCCUPIED, VACANT, topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.whole_gateway import halted, has_logged, has_recorded, publish, traffic, unavailable, until, value


def health_of(daemon: Daemon) -> dict[str, Any]:
    """The body of /readyz, which has to agree with the status."""
    status, body = daemon.page("/readyz")
    health: dict[str, Any] = json.loads(body)
    assert health["ready"] is (status == 200)
    return health


async def retained_health(broker: Broker) -> dict[str, Any]:
    health: dict[str, Any] = json.loads((await read_retained(broker.url, ROOT))[f"{ROOT}/gateways/test/health"])
    return health


async def all_report(daemon: Daemon, broker: Broker, missing: list[str]) -> bool:
    """Whether page, metrics and retained health agree, and report exactly these as missing."""
    page, retained = health_of(daemon), await retained_health(broker)
    return (
        page["missing"] == retained["missing"] == missing
        and retained["ready"] is page["ready"] is (not missing)
        and daemon.metric("parking_gateway_ready") == page["ready"]
        and daemon.metric("parking_gateway_database_up") == (retained["database"] == "up")
        and ("database" in missing) == (retained["database"] == "down")
    )


async def test_an_unavailable_database_is_reported_while_it_lasts(
    daemon: Daemon, broker: Broker, database: str, car_park: CarPark
) -> None:
    """By page, metric and retained health, with since when and why."""
    devices = await car_park(5)
    daemon.serve_pages()
    daemon.configure(JOURNAL__AFTER="60")  # events stay unacknowledged
    daemon.start_and_wait()
    await until(partial(all_report, daemon, broker, []), "a report that nothing is missing")
    gone = datetime.now(UTC)
    async with unavailable(database):
        await publish(broker, traffic(devices, uplinks=5))
        await until(partial(all_report, daemon, broker, ["database"]), "a report that the database is away")
        health = await retained_health(broker)
        assert gone <= datetime.fromisoformat(health["database_since"]) <= datetime.fromisoformat(health["updated"])
        assert health["why"][0].startswith("database: ")
        assert health["oldest_event_seconds"] > 0
    await until(partial(all_report, daemon, broker, []), "a report that it is back")
    assert (await retained_health(broker))["why"] == []


async def test_a_locked_table_is_reported_while_it_is_locked(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Before any statement has timed out, by the age of the waiting event. No task counts as stalled."""
    devices = await car_park(5)
    daemon.serve_pages()
    daemon.configure(JOURNAL__AFTER="60")  # events stay unacknowledged
    daemon.configure(TELEMETRY__OVERDUE_AFTER="0.5")
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=5))
    await until(partial(has_recorded, engine, 4), "all uplinks")
    await until(partial(is_idle, daemon), "no event that waits")
    async with engine.begin() as connection:
        await connection.execute(sa.text("lock table uplink in access exclusive mode"))
        await publish(broker, traffic(devices, uplinks=10)[5:])
        await until(partial(all_report, daemon, broker, ["intake"]), "a report that the intake is behind")
        assert daemon.metric("parking_gateway_oldest_event_seconds") > 0.5
        assert "an event has waited for" in health_of(daemon)["why"][0]
        assert daemon.page("/healthz")[0] == 200
    await until(partial(has_recorded, engine, 9), "the other uplinks")
    await until(partial(all_report, daemon, broker, []), "a report that nothing is missing")
    await until(partial(is_idle, daemon), "no event that waits")


async def is_idle(daemon: Daemon) -> bool:
    """Whether every event is acknowledged, which is a moment after the commit."""
    return daemon.metric("parking_gateway_oldest_event_seconds") == 0


async def test_a_suspended_server_is_reported_while_it_lasts(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, car_park: CarPark
) -> None:
    """It accepts connections and answers nothing. The gateway reports it, stays healthy, and goes on with the server."""
    devices = await car_park(5)
    daemon.serve_pages()
    daemon.configure(JOURNAL__AFTER="60")  # events stay unacknowledged
    daemon.configure(TELEMETRY__OVERDUE_AFTER="0.5", INTAKE__TIMEOUT="1", DATABASE__RECONNECT_WAIT_MAX="1")
    daemon.start_and_wait()
    async with halted(database):
        await publish(broker, traffic(devices, uplinks=5))
        await until(partial(all_report, daemon, broker, ["database", "intake"]), "a report that both are behind")
        assert daemon.page("/healthz")[0] == 200
    await until(partial(has_recorded, engine, 4), "all uplinks")
    await until(partial(all_report, daemon, broker, []), "a report that nothing is missing")


async def test_a_table_that_stays_locked_is_reported_as_a_failing_database(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Although all other statements work."""
    devices = await car_park(5)
    daemon.serve_pages()
    daemon.configure(DATABASE__LOCK_TIMEOUT="0.3", PUBLICATION__POLL_INTERVAL="0.1")
    daemon.start_and_wait()
    async with engine.begin() as connection:
        await connection.execute(sa.text("lock table uplink in access exclusive mode"))
        await publish(broker, traffic(devices, uplinks=5))
        await until(partial(all_report, daemon, broker, ["database"]), "a report that the database fails")
        assert "lock timeout" in health_of(daemon)["why"][0]
        for _ in range(20):
            assert await all_report(daemon, broker, ["database"])
    await until(partial(all_report, daemon, broker, []), "a report that nothing is missing")


@pytest.mark.usefixtures("lasting")  # amqtt delivers at QoS 1 also messages that were published at QoS 0
async def test_events_at_qos_0_are_noticed_whenever_they_come(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """One warning, a metric and a problem in the health, however many there are."""
    devices = await car_park(5)
    daemon.serve_pages()
    daemon.start_and_wait()
    await publish(broker, traffic(devices, uplinks=10))
    await until(partial(has_recorded, engine, 9), "the uplinks at QoS 1")
    assert (await retained_health(broker))["problems"] == []
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        for topic, payload in traffic(devices, uplinks=20)[10:]:
            await client.publish(topic, payload, qos=0)
    await until(partial(has_recorded, engine, 19), "the uplinks at QoS 0")

    async def has_problem() -> bool:
        return bool((await retained_health(broker))["problems"])

    await until(has_problem, "a problem in the health")
    health = await retained_health(broker)
    assert "qos = 1" in health["problems"][0]
    assert health["events_at_qos_0"] == daemon.metric('parking_gateway_messages_by_qos_total{qos="0"}') == 10
    assert daemon.metric('parking_gateway_messages_by_qos_total{qos="1"}') == 10
    assert health_of(daemon)["problems"] == health["problems"]
    assert daemon.log.read_text().count("Events come at QoS 0") == 1


@pytest.mark.usefixtures("lasting")  # as above
async def test_dropped_events_are_counted_and_reported_while_they_are_dropped(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """The database is locked, and messages at QoS 0 beyond the bound are lost. It is reported before the database goes on."""
    devices = await car_park(5)
    daemon.serve_pages()
    daemon.configure(MQTT__RECEIVE_MAXIMUM="10")
    daemon.start_and_wait()
    async with engine.begin() as connection:
        await connection.execute(sa.text("lock table uplink in access exclusive mode"))
        async with aiomqtt.Client(LOCALHOST, broker.port) as client:
            for topic, payload in traffic(devices, uplinks=200):
                await client.publish(topic, payload, qos=0)
        await until(partial(has_logged, daemon, "Messages of QoS 0 were dropped"), "a warning about dropped messages")

        async def are_counted() -> bool:
            dropped = (await retained_health(broker))["dropped"]
            return bool(dropped == daemon.metric("parking_gateway_messages_dropped_total") > 100)

        await until(are_counted, "the same number of dropped messages everywhere")
        assert any("Messages of QoS 0 are dropped" in one for one in health_of(daemon)["problems"])
        assert health_of(daemon)["problems"] == (await retained_health(broker))["problems"]
        assert daemon.metric("parking_gateway_problems") == len(health_of(daemon)["problems"])
    dropped = int(daemon.metric("parking_gateway_messages_dropped_total"))
    await until(partial(has_recorded, engine, 200 - dropped - 1), "all others")
    assert await value(engine, "select count(*) from uplink") == 200 - dropped


async def test_every_received_message_is_counted_once(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """A recorded, a repeated, a rejected, a refused and an unassigned one, and one without a codec."""
    devices = await car_park(5)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update installation set codec = null where dev_eui = :d"), {"d": devices[0]})
        await connection.execute(sa.text("alter table uplink add constraint refused check (f_cnt <> 7) not valid"))
    daemon.serve_pages()
    daemon.start_and_wait()
    unassigned = "a8404100ffffffff"
    sent = [
        *((topic_of(device), up(device, OCCUPIED, at=1, f_cnt=1)) for device in devices),
        *((topic_of(device), up(device, VACANT, at=2, f_cnt=7)) for device in devices),
        *((topic_of(device), b"\xff{") for device in devices),
        *((topic_of(device, "join"), b"\xff{") for device in devices),
        (topic_of(unassigned), up(unassigned, at=3)),
    ]
    await publish(broker, [*sent, sent[0]])

    async def are_counted() -> bool:
        received = {
            event: daemon.metric(f'parking_gateway_messages_received_total{{event="{event}"}}')
            for event in ("up", "join")
        }
        return received == {"up": 17, "join": 5}

    await until(are_counted, "every message counted once")
    await until(partial(all_report, daemon, broker, []), "a report that nothing is missing")
    assert daemon.metric("parking_gateway_uplinks_recorded_total") == 6
    assert daemon.metric("parking_gateway_duplicates_total") == 1
    assert daemon.metric("parking_gateway_uplinks_without_codec_total") == 1
    assert daemon.metric("parking_gateway_uplinks_unassigned_total") == 1
    assert await value(engine, "select count(*) from rejection") == 15


async def test_systemd_receives_what_is_missing_and_when_stopping_begins(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """STOPPING=1 comes before the last batch is finished, which waits for the locked table.

    One uplink, because a slow broker still holds the others when the gateway stops to receive.
    """
    devices = await car_park(1)
    daemon.configure(TELEMETRY__OVERDUE_AFTER="0.2", GATEWAY__STOP_TIMEOUT="15")
    daemon.start_and_wait()
    daemon.wait_until("STATUS=Ready")
    async with engine.begin() as connection:
        await connection.execute(sa.text("lock table uplink in access exclusive mode"))
        await publish(broker, traffic(devices, uplinks=1))
        await asyncio.to_thread(
            daemon.wait_until_prefix, "STATUS=Not ready, intake missing; intake: an event has waited"
        )
        daemon.send(signal.SIGTERM)
        await asyncio.to_thread(daemon.wait_until, "STOPPING=1")
        assert await value(engine, "select count(*) from pg_locks where not granted") > 0
    assert await asyncio.to_thread(daemon.wait) == 0
    assert await value(engine, "select count(*) from uplink") == 1
