"""`doctor` beside a gateway that is ready, not ready, or away. It reports the same as the gateway itself."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests import forked
from tests.events import topic_of, up
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon

Checks = list[dict[str, Any]]
Doctor = Callable[..., Checks]
DEVICE = "a840410000000001"


@pytest.fixture
def doctor(database: str, broker: Broker, daemon: Daemon) -> Doctor:
    """Run the command with the configuration of the test's daemon. The checks decide its exit status."""
    daemon.serve_pages()
    daemon.configure(TELEMETRY__OVERDUE_AFTER="0.3", JOURNAL__AFTER="60")

    def run(**more: str) -> Checks:
        settings = {"DATABASE__URL": database, "MQTT__URL": broker.url, "GATEWAY__INSTANCE": "test"}
        settings["MQTT__PROTOCOL"] = broker.protocols[0]
        settings |= {"TELEMETRY__LISTEN": daemon.listen, "DATABASE__LOCK_TIMEOUT": "0.5"} | more
        variables = {f"PARKING_GATEWAY_{name}": value for name, value in settings.items()}
        # A process, because a command sets signal handlers, and a thread cannot.
        ran = forked.run("doctor", "--listen", "0", "--json", env=os.environ | variables)
        checks: Checks = json.loads(ran.stdout)
        assert ran.returncode == any(check["verdict"] == "wrong" for check in checks)
        assert all(bool(check["fix"]) is (check["verdict"] == "wrong") for check in checks)
        return checks

    return run


def of(about: str, checks: Checks) -> list[tuple[str, str]]:
    """Verdict and detail of the checks about one thing."""
    return [(check["verdict"], check["detail"]) for check in checks if check["about"] == about]


async def publish(broker: Broker, *, qos: int, f_cnt: int = 0) -> None:
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        await client.publish(topic_of(DEVICE), up(DEVICE, f_cnt=f_cnt), qos=qos)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    looking = AsyncRetrying(
        retry=retry_if_result(lambda held: not held), wait=wait_fixed(0.05), stop=stop_after_delay(60)
    )
    await looking(holds)


async def until_judged(doctor: Doctor, about: str, verdict: str, sentence: str, **more: str) -> Checks:
    """Run doctor until it has this verdict, because gateway and broker need a moment to publish. Returns its checks."""
    checks: Checks = []

    async def holds() -> bool:
        checks[:] = await asyncio.to_thread(doctor, **more)
        return any(found == verdict and sentence in detail for found, detail in of(about, checks))

    await until(holds)
    return checks


async def has_recorded(engine: AsyncEngine, uplinks: int) -> None:
    async def holds() -> bool:
        async with engine.connect() as connection:
            return (await connection.scalar(sa.text("select count(*) from uplink")) or 0) >= uplinks

    await until(holds)


@asynccontextmanager
async def locked(engine: AsyncEngine) -> AsyncIterator[None]:
    """In this context no uplink can be recorded."""
    async with engine.begin() as connection:
        await connection.execute(sa.text("lock table uplink in access exclusive mode"))
        yield


def test_no_gateway_is_wrong(doctor: Doctor) -> None:
    ((verdict, detail),) = of("gateway", doctor())
    assert verdict == "wrong"
    assert "none runs as test" in detail
    assert "the broker retains no message of it" in detail


def test_a_gateway_that_is_ready_is_fine(doctor: Doctor, daemon: Daemon) -> None:
    daemon.start_and_wait()
    checks = doctor()
    assert of("gateway", checks) == [("fine", "it runs as test and is ready")]
    assert of("journal", checks) == [("fine", "it is empty: the database takes every event")]


@pytest.mark.usefixtures("lasting")
async def test_a_gateway_that_was_killed_is_wrong(doctor: Doctor, daemon: Daemon) -> None:
    """Its retained health is still current and ready. It is wrong at once, and after the broker published the will."""
    await asyncio.to_thread(daemon.start_and_wait)
    daemon.kill()
    assert of("gateway", await asyncio.to_thread(doctor))[0][0] == "wrong"
    await until_judged(doctor, "gateway", "wrong", 'the broker retains its status "offline"')


def test_a_gateway_whose_pages_do_not_answer_is_wrong(doctor: Doctor, daemon: Daemon) -> None:
    daemon.start_and_wait()
    ((verdict, detail),) = of("gateway", doctor(TELEMETRY__LISTEN="127.0.0.1:1"))
    assert verdict == "wrong"
    assert "its retained health as test is current and ready" in detail
    assert "http://127.0.0.1:1/readyz does not answer" in detail


def test_another_gateway_at_that_address_is_not_taken_for_ours(doctor: Doctor, daemon: Daemon) -> None:
    daemon.start_and_wait()
    ((verdict, detail),) = of("gateway", doctor(GATEWAY__INSTANCE="other"))
    assert verdict == "wrong"
    assert "no gateway is connected as other" in detail


@pytest.mark.parametrize("listen", ["", None], ids=["by its retained health", "by its page"])
async def test_a_gateway_that_does_not_get_on_is_wrong_in_its_own_words(
    doctor: Doctor, daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark, listen: str | None
) -> None:
    """Broker and database alone are fine."""
    await car_park(1)
    await asyncio.to_thread(daemon.start_and_wait)
    async with locked(engine):
        await publish(broker, qos=1)
        await asyncio.to_thread(daemon.wait_until_prefix, "STATUS=Not ready, intake missing")
        more = {} if listen is None else {"TELEMETRY__LISTEN": listen}
        checks = await until_judged(doctor, "gateway", "wrong", "an event has waited for", **more)
    assert [of(about, checks)[0][0] for about in ("broker", "database")] == ["fine", "fine"]


@pytest.mark.usefixtures("lasting")  # amqtt also hands out at QoS 1 what was published at 0
async def test_events_that_came_before_doctor_listened_are_judged(
    doctor: Doctor, daemon: Daemon, broker: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """The gateway received them: one at QoS 1, then one at QoS 0. Doctor itself receives none."""
    await car_park(1)
    await asyncio.to_thread(daemon.start_and_wait)
    assert of("events", await asyncio.to_thread(doctor))[0][0] == "unknown"

    async def is_behind() -> bool:
        retained = await read_retained(broker.url, ROOT)
        return bool(json.loads(retained[f"{ROOT}/gateways/test/health"])["missing"] == ["intake"])

    async with locked(engine):  # so that its health changes, which is published at once and else every ten seconds
        await publish(broker, qos=1)
        await until(is_behind)
    await has_recorded(engine, 1)
    await until_judged(doctor, "events", "fine", "has received 1 uplink, none at QoS 0")
    await publish(broker, qos=0, f_cnt=1)
    await has_recorded(engine, 2)
    checks = await asyncio.to_thread(doctor)
    assert of("gateway", checks)[0] == ("fine", "it runs as test and is ready")
    ((verdict, detail),) = of("gateway", checks)[1:]
    assert verdict == "wrong"
    assert "set qos = 1" in detail


async def test_a_gateway_is_seen_where_wildcards_get_nothing_that_is_retained(
    doctor: Doctor, daemon: Daemon, without_wildcards: Broker
) -> None:
    """As on RabbitMQ 3. Doctor subscribes to the exact topics, the only sign of a gateway without a page."""
    mqtt = {"MQTT__URL": without_wildcards.url, "MQTT__PROTOCOL": "3.1.1"}
    daemon.configure(**mqtt)
    daemon.start_and_wait()
    await until_judged(doctor, "gateway", "fine", "it runs as test and is ready", TELEMETRY__LISTEN="", **mqtt)
