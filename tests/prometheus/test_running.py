"""A real Prometheus scrapes a real gateway: rules and dashboards work on what it exposes."""

import subprocess
from functools import partial
from urllib.error import HTTPError

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import Broker
from tests.grafana.dashboards import in_promql, queries
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.plugins.prometheus import Prometheus, Scraping
from tests.whole_gateway import has_uplinks, publish, traffic, unavailable, until

EMPTY_WHILE_ALL_IS_WELL = {"Alerts that fire", "Rejected by reason", "Notices"}
"""Panels that show only what is wrong."""


async def has_rates(prometheus: Prometheus) -> bool:
    """Whether it has scraped twice since the uplinks were recorded, so that rates have values."""
    return bool(prometheus.query("rate(parking_gateway_uplinks_recorded_total[1m]) > 0"))


async def has_counted_the_spaces(prometheus: Prometheus, number: int) -> bool:
    return bool(prometheus.query(f"sum(parking_gateway_zone_spaces) == {number}"))


async def waits_for(prometheus: Prometheus, alert: str) -> bool:
    """Whether the trouble of an alert is there. It fires after its time."""
    states = {rule["name"]: rule["state"] for rule in prometheus.rules() if rule["type"] == "alerting"}
    return bool(states[alert] == "pending")


def check_metrics(exposed: str) -> None:
    """Promtool finds nothing wrong with the page."""
    subprocess.run(["promtool", "check", "metrics"], input=exposed, text=True, check=True)


def wrong_rules(prometheus: Prometheus) -> list[str]:
    """Rules that cannot be evaluated."""
    return [rule["name"] for rule in prometheus.rules() if rule["health"] != "ok"]


async def test_rules_and_dashboards_work_on_a_running_gateway(
    daemon: Daemon, broker: Broker, engine: AsyncEngine, database: str, car_park: CarPark, prometheus: Scraping
) -> None:
    """Every rule can be evaluated, no alert fires, every panel has values; and with a real trouble, its alert begins."""
    devices = await car_park(20)
    async with engine.begin() as connection:
        await connection.execute(sa.text("update device set contact = 'live'"))
        await connection.execute(sa.text("update space set contact = 'live'"))
    daemon.serve_pages()
    daemon.start_and_wait()
    scraping = prometheus(daemon.listen)
    await until(partial(has_counted_the_spaces, scraping, 20), "the spaces of the car park in Prometheus")
    await publish(broker, traffic(devices, uplinks=40))
    await until(partial(has_uplinks, engine, 40), "40 uplinks")
    await until(partial(has_rates, scraping), "rates of the uplinks in Prometheus")

    _, exposed = daemon.page("/metrics")
    check_metrics(exposed)
    assert wrong_rules(scraping) == []
    assert [rule["name"] for rule in scraping.rules() if rule.get("state") in ("pending", "firing")] == []
    without_values = set()
    for asked in queries("operations"):
        expression = in_promql(asked.text, instance=".*")
        try:
            if not scraping.query(expression):
                without_values.add(asked.panel)
        except HTTPError as error:
            raise AssertionError(f"{asked.panel}: {expression}: {error.read().decode()}") from error
    assert without_values == EMPTY_WHILE_ALL_IS_WELL

    async with unavailable(database):
        await until(partial(waits_for, scraping, "ParkingDatabaseAway"), "the alert of a database that is away")
    daemon.kill()
    await until(partial(waits_for, scraping, "ParkingGatewayDown"), "the alert of a gateway that is down")
