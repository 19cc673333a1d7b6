"""`doctor` asks the API of ChirpStack for devices and stored events, as healing does."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import free_port
from parking_gateway.cli.doctor import network_server
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.events import DevEui
from parking_gateway.process.config import load
from parking_gateway.store.pool import Pool
from tests.events import NOON, dev_eui_of, up
from tests.plugins.chirpstack_api import KEY, KEY_OF_TENANT, ChirpStackApi
from tests.plugins.tls import Certificates

FIRST, SECOND = DevEui(dev_eui_of(1)), DevEui(dev_eui_of(2))


async def examined(api: ChirpStackApi, *senders: DevEui, **chirpstack: object) -> Check:
    settings = {"api_url": f"http://localhost:{api.port}", "api_key": KEY, **chirpstack}
    config = load(overrides={"chirpstack": settings}).chirpstack
    return await network_server.examine_network_server(config, senders, since=datetime.now(UTC) - timedelta(days=1))


@pytest.mark.parametrize("key", [KEY, KEY_OF_TENANT])
async def test_an_api_that_gives_stored_events_is_fine(chirpstack_api: ChirpStackApi, key: str) -> None:
    for device in (FIRST, SECOND):
        chirpstack_api.store(device, up(device))
    check = await examined(chirpstack_api, FIRST, SECOND, api_key=key)
    assert (check.verdict, check.about) == ("fine", "network server"), check.detail
    assert chirpstack_api.asked == [FIRST, SECOND]


async def test_without_a_recorded_uplink_a_device_of_chirpstack_is_tried(chirpstack_api: ChirpStackApi) -> None:
    assert (await examined(chirpstack_api)).verdict == "unknown"
    chirpstack_api.store(FIRST, up(FIRST))
    assert (await examined(chirpstack_api)).verdict == "fine"
    assert chirpstack_api.asked == [FIRST]


async def test_an_api_that_is_not_configured_is_unknown() -> None:
    check = await network_server.examine_network_server(load().chirpstack, [FIRST], since=datetime.now(UTC))
    assert (check.verdict, "chirpstack.api_url is not set" in check.detail) == ("unknown", True)


async def test_a_key_that_does_not_show_an_application_is_wrong(chirpstack_api: ChirpStackApi) -> None:
    """As a key of one tenant, where devices of another one send too."""
    chirpstack_api.store(FIRST, up(FIRST))
    check = await examined(chirpstack_api, FIRST, SECOND, api_key=KEY_OF_TENANT)
    assert (check.verdict, SECOND in check.detail, FIRST in check.detail) == ("wrong", True, False)
    assert "for all tenants" in str(check.fix)


async def test_a_refused_key_is_wrong_once_a_device_has_sent(chirpstack_api: ChirpStackApi) -> None:
    for key in ("another key", KEY_OF_TENANT):
        assert (await examined(chirpstack_api, api_key=key)).verdict == "unknown"
    check = await examined(chirpstack_api, FIRST, api_key="another key")
    assert (check.verdict, "refuses chirpstack.api_key" in check.detail) == ("wrong", True)
    assert "another key" not in check.detail


async def test_a_chirpstack_that_stores_nothing_is_wrong(
    chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parking_gateway.intake.memory._NEXT_PAGE_SECONDS", 0.2)
    chirpstack_api.store(FIRST, up(FIRST))
    chirpstack_api.is_silent = True
    check = await examined(chirpstack_api, FIRST)
    assert (check.verdict, "per_device_event_log_max_history" in check.detail) == ("wrong", True)


async def test_an_api_that_hangs_is_unknown(chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_server, "_LIMIT_SECONDS", 1.0)
    chirpstack_api.hangs = True
    check = await examined(chirpstack_api, FIRST)
    assert chirpstack_api.calls == 1
    assert (check.verdict, "did not answer" in check.detail) == ("unknown", True)


async def test_an_api_that_is_away_is_wrong(chirpstack_api: ChirpStackApi) -> None:
    check = await examined(chirpstack_api, FIRST, api_url=f"http://localhost:{free_port()}")
    assert (check.verdict, "cannot be reached" in check.detail) == ("wrong", True)


async def test_an_api_with_a_certificate_of_another_authority_is_wrong(certificates: Certificates) -> None:
    served = ChirpStackApi()
    served.store(FIRST, up(FIRST))
    served.start(certificates)
    try:
        url = f"https://localhost:{served.port}"
        check = await examined(served, FIRST, api_url=url, api_ca_file=certificates.other_ca)
        assert (check.verdict, "chirpstack.api_ca_file" in check.detail) == ("wrong", True)
        assert (await examined(served, FIRST, api_url=url, api_ca_file=certificates.ca)).verdict == "fine"
    finally:
        served.stop()


async def test_a_device_of_each_application_is_asked_for(engine: AsyncEngine, pool: Pool) -> None:
    devices = [(1, "east", 0), (2, "east", 1), (3, "west", 2), (4, "old", -60)]
    insert = sa.text("insert into device (dev_eui, application, heard_at) values (:dev_eui, :application, :heard_at)")
    async with engine.begin() as connection:
        for number, application, at in devices:
            heard_at = NOON + timedelta(minutes=at)
            row = {"dev_eui": dev_eui_of(number), "application": application, "heard_at": heard_at}
            await connection.execute(insert, row)
    async with pool.connect() as asked:
        assert await network_server.senders(asked, since=NOON) == [dev_eui_of(3), dev_eui_of(2)]
