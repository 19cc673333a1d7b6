"""Home Assistant is sent what differs from what the broker has, and what has gone is cleared."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Literal

import pytest
import sqlalchemy as sa

from parking_gateway.broker.link import Link, connected
from parking_gateway.broker.message import Message
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.contract.gateways import GatewayMessage, gateway_publication
from parking_gateway.contract.home_assistant import Place, cleared, discovery
from parking_gateway.contract.publication import Publication
from parking_gateway.core.announcement import AnnouncedSpace, Announcement
from parking_gateway.outbox.announcements import Announcements
from parking_gateway.process import wall_clock
from parking_gateway.process.config.home_assistant import HomeAssistantConfig
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.store import announcements, gateways
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from tests.links import FakeLink
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark
from tests.whole_gateway import until

SOON = timedelta(milliseconds=10)


def status(payload: bytes) -> Message:
    """A message of Home Assistant about itself."""
    return Message("homeassistant/status", payload, mid=0, qos=0, is_redelivered=False)


class Announcer:
    """A gateway that announces over one link."""

    def __init__(
        self,
        pool: Pool,
        link: FakeLink | None = None,
        *,
        enabled: bool = True,
        form: Literal["spaces", "zones"] = "spaces",
        prefix: str = "homeassistant",
        version: str = "1",
    ) -> None:
        self.link = link or FakeLink()
        self.announcements = Announcements(
            HomeAssistantConfig(enabled=enabled, form=form, prefix=prefix),
            root="p/v1",
            instance="gw",
            version=version,
            database=pool,
            patience=Patience(
                pool,
                backoff=Backoff(shortest=SOON, longest=SOON),
                stop=asyncio.Event(),
                report=lambda _what, _failure: None,
            ),
            complain=self._complain,
            report=lambda _kind, _count, _refusals: None,
        )
        self.problem: str | None = None

    def _complain(self, _about: str, sentence: str | None) -> None:
        self.problem = sentence

    async def look(self) -> list[Publication]:
        """Look once, and return what the broker has taken meanwhile."""
        before = len(self.link.taken)
        await self.announcements._look(self.link)  # noqa: SLF001 - `run` looks until it is cancelled
        return self.link.taken[before:]

    async def has_taken(self, count: int) -> None:
        """Wait until the broker has taken so many publications."""

        async def holds() -> bool:
            return len(self.link.taken) == count

        await until(holds, f"{count} publications")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let it announce meanwhile."""
        task = asyncio.create_task(self.announcements.run(self.link))
        yield
        task.cancel()


async def execute(pool: Pool, statement: str) -> None:
    async with pool.engine.begin() as connection:
        await connection.execute(sa.text(statement))


def name_of(one: Publication) -> Any:
    return json.loads(one.payload)["device"]["name"] if one.payload else None


async def test_each_space_is_announced_once(pool: Pool, car_park: CarPark) -> None:
    await car_park(2)
    gateway = Announcer(pool)
    assert [name_of(one) for one in await gateway.look()] == ["level-1 A-1", "level-1 A-2"]
    assert await gateway.look() == []
    assert await Announcer(pool).look() == []


async def test_a_state_that_changes_announces_nothing(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    gateway = Announcer(pool)
    await gateway.look()
    await execute(pool, "update space set state = 'OCCUPIED', occupancy = 'occupied', version = version + 1")
    assert await gateway.look() == []


async def test_a_renamed_space_is_cleared_and_announced(pool: Pool, car_park: CarPark) -> None:
    await car_park(2)
    gateway = Announcer(pool)
    first, _ = await gateway.look()
    await execute(pool, "update space set name = 'B-1' where name = 'A-1'")
    cleared, announced = await gateway.look()
    assert (cleared.topic, cleared.payload, cleared.retain) == (first.topic, b"", True)
    assert name_of(announced) == "level-1 B-1"
    await execute(pool, "delete from installation")
    assert len(await gateway.look()) == 2  # without the time when their devices were last heard
    await execute(pool, "delete from space")
    assert [one.payload for one in await gateway.look()] == [b"", b""]
    assert await gateway.look() == []


async def test_a_zone_is_announced_with_its_spaces(pool: Pool, car_park: CarPark) -> None:
    await car_park(2)
    await Announcer(pool).look()
    gateway = Announcer(pool, form="zones")
    *cleared, zone = await gateway.look()
    assert [one.payload for one in cleared] == [b"", b""]
    assert [child["name"] for child in json.loads(zone.payload)["child_devices"]] == ["A-1", "A-2"]
    assert await gateway.look() == []
    await execute(pool, "delete from installation where space_id = (select max(id) from space)")
    assert len(await gateway.look()) == 1


async def test_a_counted_zone_without_spaces_is_announced_as_a_zone(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    gateway = Announcer(pool, form="zones")
    assert [name_of(one) for one in await gateway.look()] == ["level-1"]
    await execute(pool, "insert into zone (site_id, name, capacity) select id, 'park', 40 from site")
    (counted,) = await gateway.look()
    payload = json.loads(counted.payload)
    assert (payload["device"]["name"], "child_devices" in payload) == ("park", False)
    assert {one["state_topic"] for one in payload["components"].values()} == {"p/v1/zones/central/park"}
    assert await gateway.look() == []
    await execute(pool, "delete from zone where name = 'park'")
    assert [(one.topic, one.payload) for one in await gateway.look()] == [(counted.topic, b"")]
    assert [name_of(one) for one in await Announcer(pool).look()] == [None, "level-1 A-1"]


async def test_another_prefix_another_version_and_no_announcement_at_all(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    (old,) = await Announcer(pool).look()
    cleared, moved = await Announcer(pool, prefix="ha").look()
    assert (cleared.topic, moved.topic) == (old.topic, old.topic.replace("homeassistant", "ha"))
    assert len(await Announcer(pool, prefix="ha", version="2").look()) == 1
    off = Announcer(pool, enabled=False)
    await off.announcements.run(off.link)
    assert [(one.topic, one.payload) for one in off.link.taken] == [(moved.topic, b"")]
    await off.announcements.run(off.link)
    assert len(off.link.taken) == 1


async def test_everything_is_announced_again_when_home_assistant_has_started(pool: Pool, car_park: CarPark) -> None:
    await car_park(2)
    gateway = Announcer(pool)
    async with gateway.running():
        await gateway.has_taken(2)
        await gateway.announcements.commit([status(b"offline")])
        await gateway.announcements.commit([status(b"online")])
        await gateway.has_taken(4)


async def test_a_broker_that_lost_everything_gets_it_again(pool: Pool, car_park: CarPark) -> None:
    await car_park(1)
    gateway = Announcer(pool)
    await gateway.look()
    async with pool.connect() as connection:
        await connection.commit_together(*gateways.begin_again("gateway-1", 7))
    (again,) = await gateway.look()
    assert json.loads(again.payload)["availability"][0]["topic"] == "p/v1/gateways/gateway-1"
    async with pool.connect() as connection:
        await connection.commit_together(*gateways.begin_again("gateway-2", 7))
    (of_several,) = await gateway.look()
    assert "availability" not in json.loads(of_several.payload)


async def test_a_broker_that_went_back_gets_all_announcements_again(pool: Pool, car_park: CarPark) -> None:
    await car_park(2)
    gateway = Announcer(pool)
    before = await gateway.look()
    async with pool.connect() as connection:
        await connection.commit_together(*gateways.agree("gateway-1", 7))
    assert await gateway.look() == before


ABROAD = Place(root="q/v1", prefix="homeassistant", gateway=None)


def announced(name: str, place: Place) -> Publication:
    """The announcement of a space."""
    one = AnnouncedSpace(name, None)
    return discovery(Announcement(site="central", zone="level-1", space=name, spaces=(one,), digest=""), place)


@asynccontextmanager
async def reading_back(pool: Pool, broker: Broker, **settings: Any) -> AsyncIterator[tuple[Announcer, Link]]:
    """A gateway that has announced its spaces to a real broker, and its link."""
    config = MqttConfig(url=broker.url, client_id="parking-gateway-gw")
    async with connected(config, will=None, inbox_limit=1000, window=1000) as link:
        birth = GatewayMessage(status="online", since=wall_clock.utc())
        await link.publish([gateway_publication("p/v1", "gw", birth)])
        gateway = Announcer(pool, **settings)
        await link.publish(await gateway.look())
        yield gateway, link


async def test_announcements_without_a_row_are_cleared_and_no_others(
    pool: Pool, mosquitto: Broker, car_park: CarPark
) -> None:
    """One is of a space that is gone, one of a zone, and one of a space that is there and has lost its row."""
    await car_park(2)
    async with reading_back(pool, mosquitto) as (gateway, link):
        here = Place(root="p/v1", prefix="homeassistant", gateway=None)
        zone = Announcement(site="central", zone="level-1", space=None, spaces=(), digest="")
        ghosts = [announced("B-1", here), discovery(zone, here)]
        strange = Publication(topic="homeassistant/device/lamp/config", payload=b'{"components": {}}', retain=True)
        await execute(pool, "delete from announcement where space = 'A-2'")
        await link.publish([*ghosts, announced("B-1", ABROAD), strange])
        await gateway.announcements.read_back(link)
        *gone, again = await gateway.look()
        assert {(one.topic, one.payload) for one in gone} == {(one.topic, b"") for one in ghosts}
        assert name_of(again) == "level-1 A-2"
        assert gateway.problem is None
        await link.publish(gone)
        await gateway.announcements.read_back(link)
        assert await gateway.look() == []


async def test_where_an_announcement_is_missing_all_are_published_again(
    pool: Pool, mosquitto: Broker, car_park: CarPark
) -> None:
    """The one below a former prefix, which is not cleared yet, is not missing."""
    await car_park(2)
    former = "ha/device/parking_central_level_1_A_1_01234567/config"
    async with reading_back(pool, mosquitto) as (gateway, link):
        before = list(gateway.link.taken)
        await execute(
            pool, f"insert into announcement select '{former}', 'central', 'level-1', 'A-1', 'ha p/v1', 'digest'"
        )
        await gateway.announcements.read_back(link)
        assert await gateway.look() == [cleared(former)]
        await link.publish([cleared(before[0].topic)])
        await gateway.announcements.read_back(link)
        assert await gateway.look() == before


async def test_where_announcements_are_off_none_is_read_back(pool: Pool, mosquitto: Broker, car_park: CarPark) -> None:
    await car_park(1)
    async with reading_back(pool, mosquitto) as (_, link):
        await execute(pool, "delete from announcement")
        off = Announcer(pool, enabled=False)
        await off.announcements.read_back(link)
        await off.announcements.run(off.link)
        assert off.link.taken == []


async def test_an_acl_that_forbids_to_read_announcements_is_a_problem(
    pool: Pool, configured: Configured, car_park: CarPark, tmp_path_factory: pytest.TempPathFactory
) -> None:
    acl = tmp_path_factory.mktemp("acl") / "acl"
    acl.write_text("topic readwrite p/v1/#\ntopic write homeassistant/device/+/config\n")
    acl.chmod(0o644)
    await car_park(1)
    async with reading_back(pool, configured(f"acl_file {acl}\n")) as (gateway, link):
        await gateway.announcements.read_back(link)
        assert gateway.problem is not None
        assert gateway.problem.endswith("its ACL has to let the gateway read homeassistant/device/+/config")
        await execute(pool, "delete from announcement")
        await gateway.announcements.read_back(link)
        assert gateway.problem is None  # nothing was announced, so nothing has to come


async def test_a_refused_announcement_is_tried_again(pool: Pool, car_park: CarPark) -> None:
    await car_park(2)
    gateway = Announcer(pool, FakeLink(refuses=lambda one: "A_2" in one.topic))
    assert [name_of(one) for one in await gateway.look()] == ["level-1 A-1"]
    gateway.link.refuses = lambda _: False
    assert [name_of(one) for one in await gateway.look()] == ["level-1 A-2"]
    async with pool.connect() as connection:
        (topics,) = await connection.commit_together(announcements.all_topics(limit=10))
    assert len(topics) == 2
