"""The terminal shows what the gateway has published, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

from parking_gateway.cli.demo.dashboard import Dashboard
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.view import Rate, View
from parking_gateway.contract.gateways import HealthMessage
from parking_gateway.contract.messages import (
    CountsMessage,
    DeviceMessage,
    DownlinkStatus,
    ErrorMessage,
    ResponseMessage,
    TransitionMessage,
)
from parking_gateway.contract.outgoing import NoticeMessage
from parking_gateway.core.notice import NoticeKind
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


def notice(number: int) -> NoticeMessage:
    return NoticeMessage(
        id=number,
        kind=NoticeKind.NO_SHOW,
        at=NOON,
        site="central",
        zone="level-1",
        space=f"a-{number:03}",
        dev_eui=None,
        details={},
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
    assert picture(dashboard, height=24).count("FREE → OCCUPIED") == 4
    assert picture(dashboard, height=60).count("FREE → OCCUPIED") == 20


def test_the_last_notices_are_shown_once_each_with_what_they_are_about() -> None:
    dashboard = Dashboard()
    for number in (1, 2, 3, 4, 4):
        receive(dashboard, "events/no_show", notice(number))
    lines = [line.split() for line in picture(dashboard, width=80).splitlines() if "no_show" in line]
    assert lines == [["no_show", "12:00:00", f"central/level-1/a-{number:03}"] for number in (4, 3, 2)]


def test_a_notice_without_a_space_names_its_device() -> None:
    dashboard = Dashboard()
    receive(
        dashboard, "events/silent", replace(notice(1), site=None, zone=None, space=None, dev_eui="02dec0de00000001")
    )
    assert "12:00:00 02dec0de00000001" in picture(dashboard)


def test_the_last_request_stands_with_its_own_reply() -> None:
    dashboard = Dashboard()
    for number, zone in ((1, "level-1"), (2, "level-2")):
        asked = {"site": "central", "zone": zone, "by": "anna", "transaction": number}
        receive(dashboard, "request/reservation/create", asked)
    receive(
        dashboard, "response/reservation/create", ResponseMessage(status="ok", data={"space": "b-004"}, transaction=1)
    )
    shown = picture(dashboard, width=80)
    assert "reservation/create central/level-1 by anna → ok, b-004" in shown
    error = ErrorMessage(code="conflict", message="No space of the zone is free then: choose another time or zone")
    receive(dashboard, "response/reservation/create", ResponseMessage(status="error", error=error, transaction=2))
    (line,) = (line for line in picture(dashboard, width=80).splitlines() if line.startswith("request"))
    assert "central/level-2 by anna → conflict:" in line
    assert len(line) == 80, "a long line is cut, and not wrapped"


def test_a_stay_is_counted_once_and_the_lamp_shows_how_far_its_downlink_has_come() -> None:
    dashboard = Dashboard()
    for number in (1, 2, 1):
        receive(dashboard, "sessions/central/level-1/a-001", {"id": number})
    status = DownlinkStatus(
        id="1", purpose="show", state="pending", acknowledged=False, wished=NOON, by="indicator", detail=None
    )
    receive(dashboard, "devices/02dec0deffff0004", replace(device(space=None), downlink=status))
    shown = picture(dashboard, width=80)
    assert "· 2 stays" in shown
    assert "lamp: pending" in shown


def test_a_device_is_unassigned_until_it_has_a_space() -> None:
    dashboard = Dashboard()
    receive(dashboard, "devices/02dec0deffff0001", device(space=None))
    assert "1 devices without a space" in picture(dashboard)
    receive(dashboard, "devices/02dec0deffff0001", device(space="a-001"))
    assert "0 devices without a space" in picture(dashboard)


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
