"""Lost uplinks come back from ChirpStack's own memory, once and in order."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import free_port
from parking_gateway.core.events import DevEui
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.gateway import recovery as recovery_module
from parking_gateway.gateway.opening import intake_of
from parking_gateway.gateway.recovery import Recovery
from parking_gateway.intake import healing as healing_module
from parking_gateway.intake import memory
from parking_gateway.intake.healing import STREAMS, Absence, Healed, Healing, Sources, Wanted, heal
from parking_gateway.intake.memory import opened
from parking_gateway.intake.refusals import Refused, Unanswered
from parking_gateway.process.config import ChirpStackConfig, Config, GatewayConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.process.wall_clock import WallClock, utc
from parking_gateway.store.gateways import last_signs
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from tests.events import NOON, OCCUPIED, VACANT, dev_eui_of, message, up
from tests.plugins.car_park import CarPark
from tests.plugins.chirpstack_api import KEY, KEY_OF_TENANT, ChirpStackApi
from tests.plugins.tls import Certificates
from tests.whole_gateway import until, value

MINUTE = timedelta(minutes=1)


def configured(api: ChirpStackApi, *, scheme: str = "http", **more: Any) -> ChirpStackConfig:
    return ChirpStackConfig(**{"api_url": f"{scheme}://localhost:{api.port}", "api_key": KEY} | more)


def intake_on(pool: Pool) -> Any:
    wait = timedelta(seconds=0.1)
    patience = Patience(
        pool, backoff=Backoff(shortest=wait, longest=wait), stop=asyncio.Event(), report=lambda _purpose, _failure: None
    )
    return intake_of(
        Config(), database=pool, decoder=Decoder(), patience=patience, clock=utc, report=lambda _committed: None
    )


async def healed(
    pool: Pool, config: ChirpStackConfig, *devices: str, since: datetime | None = None, heard_at: datetime | None = None
) -> Healed:
    """Heal these devices. Fails if one cannot be healed."""
    found = Healed()
    async with opened(config) as remembered:
        wanted = {DevEui(one): Wanted(since=since, heard_at=heard_at) for one in devices}
        failed = await heal(remembered, wanted, intake=intake_on(pool), healed=found)
    assert failed == {}
    return found


async def refusal(config: ChirpStackConfig) -> str:
    """Why no events are given."""
    with pytest.raises(Unanswered) as raised:
        async with opened(config) as remembered:
            await remembered.events(DevEui(dev_eui_of(1)))
    return str(raised.value)


async def test_lost_uplinks_come_back_once_in_their_order_and_at_their_times(
    pool: Pool, engine: AsyncEngine, car_park: CarPark, chirpstack_api: ChirpStackApi
) -> None:
    (device,) = await car_park(1)
    sent = [up(device, OCCUPIED if number % 2 else VACANT, at=number, f_cnt=number) for number in range(15)]
    for one in sent:
        chirpstack_api.store(device, one)
    await intake_on(pool).commit([message(device, sent[3])])
    found = await healed(pool, configured(chirpstack_api), device)
    assert (found.devices, found.uplinks, found.repeated) == (1, 14, 1)
    assert (await healed(pool, configured(chirpstack_api), device)).repeated == 15
    assert await value(engine, "select count(*) from uplink") == 15
    assert await value(engine, "select count(*) from rejection") == 0
    assert await value(
        engine, f"select bool_and(heard_at = '{NOON}'::timestamptz + f_cnt * interval '1 min') from uplink"
    )
    async with engine.connect() as connection:
        (space,) = await connection.execute(sa.text("select state, since, seen_f_cnt from space"))
    assert tuple(space) == ("FREE", NOON + 14 * MINUTE, 14)
    # An uplink that comes over MQTT after it was healed changes nothing.
    await intake_on(pool).commit([message(device, sent[5])])
    assert await value(engine, "select count(*) from uplink") == 15


async def test_only_uplinks_since_a_time_come_back(pool: Pool, chirpstack_api: ChirpStackApi) -> None:
    device = dev_eui_of(1)
    for number in range(6):
        chirpstack_api.store(device, up(device, f_cnt=number), stored_at=NOON + number * MINUTE)
    found = await healed(pool, configured(chirpstack_api), device, since=NOON + 4 * MINUTE)
    assert found.uplinks == 2


async def test_events_of_other_kinds_come_back_once_although_their_bytes_differ_each_time(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi
) -> None:
    """ChirpStack writes the tags of a device in another order each time."""
    device = dev_eui_of(1)
    event = json.loads(up(device))
    for tags in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"}):
        event["deviceInfo"]["tags"] = tags
        chirpstack_api.events[device].clear()
        chirpstack_api.store(device, json.dumps(event).encode(), description="join")
        chirpstack_api.store(device, json.dumps(event).encode(), description="status")
        chirpstack_api.store(device, up(device, deduplication_id=event["deduplicationId"]))
        found = await healed(pool, configured(chirpstack_api), device)
        assert (found.others, found.uplinks) == ((2, 1) if next(iter(tags)) == "a" else (0, 0))
    assert await value(engine, "select string_agg(kind, ' ' order by kind) from device_event") == "join status"


async def test_an_event_that_is_none_becomes_one_rejection(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi
) -> None:
    device = dev_eui_of(1)
    chirpstack_api.store(device, up(device))
    chirpstack_api.events[device][0].body = "{"
    for _ in range(2):
        await healed(pool, configured(chirpstack_api), device)
    assert await value(engine, "select count(*) from rejection where reason = 'malformed'") == 1


async def test_tls_with_the_right_authority_heals(
    pool: Pool, chirpstack_api: ChirpStackApi, certificates: Certificates
) -> None:
    chirpstack_api.stop()
    chirpstack_api.start(certificates)
    device = dev_eui_of(1)
    chirpstack_api.store(device, up(device))
    config = configured(chirpstack_api, scheme="https", api_ca_file=certificates.ca)
    assert (await healed(pool, config, device)).uplinks == 1


async def test_each_failure_is_a_sentence_with_a_remedy(
    chirpstack_api: ChirpStackApi, certificates: Certificates
) -> None:
    assert "refuses chirpstack.api_key (InvalidToken); create a key" in await refusal(
        configured(chirpstack_api, api_key="wrong")
    )
    chirpstack_api.hangs = True
    assert "does not answer" in await refusal(configured(chirpstack_api, api_timeout=0.5))
    nobody = ChirpStackConfig(api_url=f"http://localhost:{free_port()}", api_key=KEY)
    assert "cannot be reached" in await refusal(nobody)
    chirpstack_api.stop()
    chirpstack_api.start(certificates)
    for file in (certificates.other_ca, None):
        wrong = configured(chirpstack_api, scheme="https", api_ca_file=file)
        assert "chirpstack.api_ca_file" in await refusal(wrong)
    chirpstack_api.stop()
    chirpstack_api.start(certificates, host="127.0.0.2")
    elsewhere = f"https://127.0.0.2:{chirpstack_api.port}"
    right = configured(chirpstack_api, api_url=elsewhere, api_ca_file=certificates.ca)
    assert "its host as in the certificate" in await refusal(right)


async def test_an_expired_certificate_of_the_api_is_refused_and_its_key_is_not_sent(
    chirpstack_api: ChirpStackApi, certificates: Certificates
) -> None:
    chirpstack_api.stop()
    chirpstack_api.start(replace(certificates, server=certificates.expired, server_key=certificates.expired_key))
    config = configured(chirpstack_api, scheme="https", api_ca_file=certificates.ca)
    assert "The TLS of the API of ChirpStack cannot be verified" in await refusal(config)
    assert chirpstack_api.calls == 0


async def test_an_api_without_tls_gets_no_key(chirpstack_api: ChirpStackApi, certificates: Certificates) -> None:
    """The gateway does not fall back to a connection without encryption."""
    config = configured(chirpstack_api, scheme="https", api_ca_file=certificates.ca)
    assert "has no TLS" in await refusal(config)
    assert chirpstack_api.calls == 0


@asynccontextmanager
async def healing(
    pool: Pool,
    config: ChirpStackConfig,
    devices: list[str],
    complaints: list[str | None],
) -> AsyncIterator[Healing]:
    """The task of the gateway, which runs within."""

    async def known() -> list[DevEui]:
        return [DevEui(one) for one in devices]

    async def recorded(_heard: Mapping[DevEui, datetime], _before: datetime) -> set[DevEui]:
        return set()

    async def settled() -> None:
        """Nothing waits."""

    made = Healing(
        config,
        intake=intake_on(pool),
        sources=Sources(known=known, recorded=recorded, settled=settled),
        complain=lambda _about, sentence: complaints.append(sentence),
    )
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_healing_waits_for_a_chirpstack_that_is_away(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi
) -> None:
    devices = [dev_eui_of(number) for number in range(3)]
    for device in devices:
        chirpstack_api.store(device, up(device))
    complaints: list[str | None] = []
    config = configured(chirpstack_api)
    chirpstack_api.stop()
    async with healing(pool, config, devices, complaints) as running:
        running.ask_all(Absence(since=None, until=utc()))

        async def has_complained() -> bool:
            return bool(complaints)

        await until(has_complained, "a complaint")
        assert complaints[0] is not None
        assert "cannot be reached" in complaints[0]
        chirpstack_api.start()

        async def is_healed() -> bool:
            return bool(await value(engine, "select count(*) from uplink") == 3 and complaints[-1] is None)

        await until(is_healed, "every uplink, and no complaint")


async def test_healing_waits_for_the_file_of_the_authority(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi, certificates: Certificates, tmp_path: Path
) -> None:
    """It was there at the start, and is being replaced, or its disk is away."""
    chirpstack_api.stop()
    chirpstack_api.start(certificates)
    device = dev_eui_of(1)
    chirpstack_api.store(device, up(device))
    complaints: list[str | None] = []
    file = tmp_path / "ca.pem"
    file.write_bytes(certificates.ca.read_bytes())
    config = configured(chirpstack_api, scheme="https", api_ca_file=file)
    file.unlink()
    async with healing(pool, config, [device], complaints) as one:
        one.ask([DevEui(device)])

        async def has_complained() -> bool:
            return bool(complaints)

        await until(has_complained, "a complaint")
        assert complaints[0] is not None
        assert f"chirpstack.api_ca_file, {file}, cannot be read (No such file" in complaints[0]
        file.write_bytes(certificates.ca.read_bytes())

        async def is_healed() -> bool:
            return bool(await value(engine, "select count(*) from uplink") == 1 and complaints[-1] is None)

        await until(is_healed, "the uplink, and no complaint")


async def test_a_device_that_is_refused_does_not_keep_others_from_healing(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi
) -> None:
    devices = [dev_eui_of(number) for number in range(2 * STREAMS)]
    for device in devices:
        chirpstack_api.store(device, up(device))
    chirpstack_api.refused = {devices[0]}
    async with healing(pool, configured(chirpstack_api), devices, []) as running:
        running.ask_all(Absence(since=None, until=utc()))

        async def are_healed() -> bool:
            return bool(await value(engine, "select count(*) from uplink") == len(devices) - 1)

        await until(are_healed, "all other uplinks")
    assert (
        STREAMS - 1 <= chirpstack_api.most_at_once <= STREAMS
    )  # the one that is refused may be over before the last begins


async def test_a_device_whose_events_have_no_end_is_healed_all_the_same(
    pool: Pool, chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = dev_eui_of(1)
    for number in range(40):
        chirpstack_api.store(device, up(device, at=number, f_cnt=number))
    chirpstack_api.page_seconds = 0.9
    monkeypatch.setattr(memory, "_CALL", 0.15)
    found = await healed(pool, configured(chirpstack_api), device)
    assert 10 <= found.uplinks < 40


def recovery_of(
    pool: Pool, api: ChirpStackApi, *, instance: str = "one", clock: WallClock = utc, **more: Any
) -> Recovery:
    """The occasions of a gateway."""
    return Recovery(
        Config(chirpstack=configured(api, **more), gateway=GatewayConfig(instance=instance)),
        intake=intake_on(pool),
        complain=lambda _about, _sentence: None,
        clock=clock,
        has_backlog=lambda: False,
    )


async def runs(recovery: Recovery, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it run for a second, which is longer than it needs here."""
    monkeypatch.setattr(recovery_module, "_BEGINS_WITHIN", 0.01)
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await recovery.run()


async def test_a_start_heals_unless_another_gateway_is_there(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a device that the database has never seen. Another start finds that nothing is missing, and asks for no device."""
    device = dev_eui_of(1)
    now = utc()
    for hours in (2, 0):
        at = now - hours * 60 * MINUTE - MINUTE
        chirpstack_api.store(device, up(device, at=(at - NOON) / MINUTE), stored_at=at)
    async with engine.begin() as connection:
        await connection.execute(
            sa.text(
                f"insert into gateway (instance, watched_at) values ('one', '{now - 60 * MINUTE}'), ('other', '{now}')"
            )
        )

    async def asked_after_a_start() -> list[str]:
        recovery = recovery_of(pool, chirpstack_api)
        async with pool.connect() as connection:
            (signs,) = await connection.commit_together(
                last_signs("one", client_id="parking-gateway", events="application/#")
            )
        recovery.look_back(signs)
        recovery.connected(is_session_lost=False)
        await runs(recovery, monkeypatch)
        return chirpstack_api.asked

    assert await asked_after_a_start() == []
    assert chirpstack_api.listed == 0
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"update gateway set watched_at = '{now - 60 * MINUTE}'"))
    assert await asked_after_a_start() == [device]
    assert await value(engine, "select count(*) from uplink") == 1
    assert await asked_after_a_start() == [device, device], "a new device may lack its first uplinks"
    await intake_on(pool).commit([message(device, chirpstack_api.events[device][0].body.encode())])
    assert await asked_after_a_start() == [device, device]
    assert chirpstack_api.listed == 3


async def test_a_key_of_one_tenant_finds_new_devices_by_a_known_one(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi
) -> None:
    known, new, removed = (dev_eui_of(number) for number in range(3))
    for device in (known, new):
        chirpstack_api.store(device, up(device))
    async with opened(configured(chirpstack_api, api_key=KEY_OF_TENANT)) as remembered:
        heard = await remembered.heard([DevEui(removed), DevEui(known)], since=None)
        assert heard.keys() == {known, new}
        with pytest.raises(Refused, match="it is of another tenant"):
            await remembered.heard([DevEui(removed)], since=None)
    assert await value(engine, "select count(*) from uplink") == 0


async def test_a_list_of_many_pages_has_every_device(
    chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_LISTED", 3)
    for number in range(9):
        chirpstack_api.heard_at[dev_eui_of(number)] = NOON + number * MINUTE
    async with opened(configured(chirpstack_api)) as remembered:
        heard = await remembered.heard([], since=NOON + 2 * MINUTE)
    assert heard == {dev_eui_of(number): NOON + number * MINUTE for number in range(2, 9)}
    assert chirpstack_api.listed == 4


async def test_the_last_uplink_ends_the_stored_events_without_a_wait(
    pool: Pool, chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_NEXT_EVENT_SECONDS", 60.0)
    monkeypatch.setattr(memory, "_NEXT_PAGE_SECONDS", 60.0)
    device = dev_eui_of(1)
    for number in range(12):
        chirpstack_api.store(device, up(device, at=number, f_cnt=number))
    async with asyncio.timeout(10):
        found = await healed(
            pool,
            configured(chirpstack_api),
            device,
            heard_at=chirpstack_api.heard_at[device],
        )
    assert found.uplinks == 12


async def test_a_redis_that_hangs_or_is_away_is_no_memory_without_events(
    pool: Pool, engine: AsyncEngine, chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again until it answers."""
    monkeypatch.setattr(memory, "_NEXT_PAGE_SECONDS", 0.2)
    device = dev_eui_of(1)
    chirpstack_api.store(device, up(device))
    complaints: list[str | None] = []
    chirpstack_api.is_silent = True
    async with healing(pool, configured(chirpstack_api), [device], complaints) as running:
        running.ask_all(Absence(since=None, until=utc()))

        async def complains_of_silence() -> bool:
            return any("gives no stored events" in (one or "") for one in complaints)

        await until(complains_of_silence, "a complaint about the silence")
        chirpstack_api.redis_is_away = True

        async def complains_of_redis() -> bool:
            return any("cannot read what it has stored" in (one or "") for one in complaints)

        await until(complains_of_redis, "a complaint about Redis")
        chirpstack_api.is_silent = chirpstack_api.redis_is_away = False

        async def is_healed() -> bool:
            return bool(await value(engine, "select count(*) from uplink") == 1 and complaints[-1] is None)

        await until(is_healed, "the uplink, and no complaint")


async def test_a_device_whose_events_redis_has_lost_is_given_up(
    pool: Pool, chirpstack_api: ChirpStackApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_NEXT_PAGE_SECONDS", 0.1)
    monkeypatch.setattr(healing_module, "_SILENT_ATTEMPTS", 1)
    device = dev_eui_of(1)
    chirpstack_api.store(device, up(device))
    chirpstack_api.events.clear()
    complaints: list[str | None] = []
    async with healing(pool, configured(chirpstack_api), [device], complaints) as running:
        running.ask_all(Absence(since=None, until=utc()))

        async def has_complained() -> bool:
            return bool(complaints)

        await until(has_complained, "a complaint")
        running.ask([])

        async def is_over() -> bool:
            return len(complaints) == 1 and chirpstack_api.asked == [device]

        await until(is_over, "the end")


async def test_a_lost_session_heals_since_the_last_connection_that_received_events(
    pool: Pool, chirpstack_api: ChirpStackApi, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that failed before it received any does not count."""
    device = dev_eui_of(1)
    for number in range(10):
        chirpstack_api.store(device, up(device, at=10 * number, f_cnt=number), stored_at=NOON + 10 * number * MINUTE)
    times = iter([NOON + 52 * MINUTE, NOON + 82 * MINUTE])
    recovery = recovery_of(pool, chirpstack_api, clock=lambda: next(times))
    recovery.connected(is_session_lost=False)
    recovery.disconnected()
    recovery.disconnected()
    recovery.connected(is_session_lost=True)
    await runs(recovery, monkeypatch)
    async with engine.connect() as connection:
        counters = await connection.scalars(sa.text("select f_cnt from uplink order by f_cnt"))
    assert list(counters) == [5, 6, 7, 8, 9]
