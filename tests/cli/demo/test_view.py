"""The terminal shows what the gateway has published, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from rich.console import Console

from parking_gateway.cli.demo.dashboard import Dashboard
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.view import Rate, View
from parking_gateway.contract.gateways import HealthMessage
from parking_gateway.contract.messages import CountsMessage, DeviceMessage, TransitionMessage
from parking_gateway.core.space import Contact, SpaceState

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def receive(dashboard: Dashboard, topic: str, message: Any) -> None:
    dashboard.receive(topic, msgspec.json.encode(message), now=NOON)


def counts(*, zone: str | None = None, occupied: int) -> CountsMessage:
    return CountsMessage(
        site="central",
        zone=msgspec.UNSET if zone is None else zone,
        total=30,
        free=30 - occupied,
        occupied=occupied,
        reserved=0,
        maintenance=0,
        unreachable=2,
        occupancy=occupied / 30,
    )


def step(number: int) -> TransitionMessage:
    return TransitionMessage(
        id=number,
        site="central",
        zone="level-1",
        space=f"a-{number:03}",
        before=SpaceState.FREE,
        after=SpaceState.OCCUPIED,
        at=NOON,
        cause="3ac7e3c4",
    )


def device(*, space: str | None) -> DeviceMessage:
    return DeviceMessage(
        dev_eui="02dec0deffff0001",
        name="spare",
        contact=Contact.LIVE,
        last_heard=NOON,
        battery_percent=None,
        battery_volts=None,
        rssi=None,
        snr=None,
        codec=None,
        site=None,
        zone=None,
        space=space,
    )


def picture(dashboard: Dashboard, *, width: int = 100, height: int = 40) -> str:
    console = Console(width=width, height=height, record=True, file=None, force_terminal=False)
    with console.capture() as drawn:
        console.print(View(dashboard, Ledger()).draw(now=0, height=height))
    return drawn.get()


@pytest.mark.parametrize("width", [80, 120])
def test_zones_stand_below_their_site_with_all_their_numbers(width: int) -> None:
    dashboard = Dashboard()
    receive(dashboard, "sites/central", counts(occupied=12))
    receive(dashboard, "zones/central/level-1", counts(zone="level-1", occupied=9))
    lines = picture(dashboard, width=width).splitlines()
    site, zone = (next(line for line in lines if name in line).split() for name in ("central ", "level-1 "))
    assert site[:7] == ["central", "30", "18", "12", "0", "0", "2"]
    assert site[-1] == "40%"
    assert zone[:7] == ["level-1", "30", "21", "9", "0", "0", "2"]
    assert zone[-1] == "30%"


def test_the_newest_transition_stands_first_and_a_repeated_one_is_shown_once() -> None:
    dashboard = Dashboard()
    for number in (1, 2, 1):
        receive(dashboard, f"transitions/central/level-1/a-{number:03}", step(number))
    lines = [line for line in picture(dashboard).splitlines() if "FREE → OCCUPIED" in line]
    assert ["a-002" in lines[0], "a-001" in lines[1], len(lines)] == [True, True, 2]
    assert "2 transitions" in picture(dashboard)


def test_a_low_terminal_shows_the_zones_and_as_many_transitions_as_fit() -> None:
    dashboard = Dashboard()
    for number in range(20):
        receive(dashboard, f"transitions/central/level-1/a-{number:03}", step(number))
    assert picture(dashboard, height=10).count("FREE → OCCUPIED") == 0
    assert picture(dashboard, height=24).count("FREE → OCCUPIED") == 8
    assert picture(dashboard, height=60).count("FREE → OCCUPIED") == 20


def test_a_device_is_unassigned_until_it_has_a_space() -> None:
    dashboard = Dashboard()
    receive(dashboard, "devices/02dec0deffff0001", device(space=None))
    assert "1 devices unassigned" in picture(dashboard)
    receive(dashboard, "devices/02dec0deffff0001", device(space="a-001"))
    assert "0 devices unassigned" in picture(dashboard)


async def test_a_dashboard_waits_for_transitions_that_are_on_their_way() -> None:
    dashboard = Dashboard()
    assert not await dashboard.has_received(1, patience=timedelta(milliseconds=1))
    receive(dashboard, "transitions/central/level-1/a-001", step(1))
    assert await dashboard.has_received(1, patience=timedelta(milliseconds=1))
    assert not await dashboard.has_received(0, patience=timedelta(milliseconds=1)), (
        "more transitions than expected are wrong, too"
    )


def test_a_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.per_second(0, now=0) == 0
    assert rate.per_second(20, now=2) == 10
    assert rate.per_second(20, now=30) == 0


def test_the_health_of_the_gateway_is_shown() -> None:
    dashboard = Dashboard()
    health = HealthMessage(
        version="1.0",
        uptime_seconds=10,
        uplinks=100,
        uplinks_per_second=10,
        duplicates=7,
        rejections=12,
        transitions=50,
        published=200,
        inbox=0,
        outbox=0,
        lag_seconds=0.012,
        database="up",
        broker="up",
        problems=[],
        updated=NOON,
    )
    receive(dashboard, "gateways/demo/health", health)
    assert "7 duplicates · 12 rejected · lag 0.01 s" in picture(dashboard, width=80)
