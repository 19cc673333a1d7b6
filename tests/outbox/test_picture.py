"""The retained tree is read back and compared with the database, topic by topic: a real broker and a real database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

import aiomqtt
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.broker.asking import asking
from parking_gateway.broker.link import Link, connected
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.contract.gateways import GatewayMessage, gateway_publication
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.loop import Outbox
from parking_gateway.outbox.marker import Marker
from parking_gateway.outbox.reading_back import ReadBackResult, ReadingBack
from parking_gateway.process import wall_clock
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import PublicationConfig
from parking_gateway.process.waits import Backoff
from parking_gateway.store import gateways
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from tests.plugins.broker import Configured
from tests.plugins.car_park import CarPark

SOON = timedelta(milliseconds=10)
SPACE = f"{ROOT}/spaces/central/level-1/A-1"
TREE = ("spaces/central/level-1/A-1", "zones/central/level-1", "sites/central", "devices/a840410000000001")
ORPHANS = ("spaces/central/level-1/B-1", "spaces/away/level-1/A-1", "zones/central/gone", "sites/away", "devices/00")
OTHERS = (
    "elsewhere/v1/spaces/central/level-1/B-1",
    f"{ROOT}/spaces/central",
    f"{ROOT}/gateways/other",
    f"{ROOT}/transitions/central/level-1/B-1",
)
"""Topics that no row has and that are not ours to clear."""


class Gateway:
    """The part of a gateway that publishes: one pass of the outbox, and one reading back."""

    def __init__(self, pool: Pool, link: Link, config: MqttConfig) -> None:
        self._pool = pool
        self._link = link
        self._config = config
        self._patience = Patience(
            pool,
            backoff=Backoff(shortest=SOON, longest=SOON),
            stop=asyncio.Event(),
            report=lambda _what, _failure: None,
        )
        self._marker = Marker(root=ROOT, instance="gw", clock=wall_clock.utc)
        self.changed: set[SpaceId] = set()
        """The spaces that the reading has passed to the outbox."""
        self.published = 0
        self.is_calm, self.waits = asyncio.Event(), asyncio.Event()
        self.is_calm.set()

    async def publish(self) -> None:
        """Publish everything that is due."""
        outbox = Outbox(
            PublicationConfig(counts_interval=SOON),
            database=self._pool,
            patience=self._patience,
            marker=self._marker,
            known=KnownServer(None),
            report=self._count,
        )
        outbox.finish()
        await outbox.run(self._link)

    async def calm(self) -> None:
        """Wait as for the end of a backlog."""
        self.waits.set()
        await self.is_calm.wait()

    async def read_back(self) -> ReadBackResult:
        """Read the tree back once."""
        async with asking(self._link.here, name="reads") as asked:
            return await self._reading().heal(asked, self._link)

    async def is_broker_ahead(self) -> bool:
        """Whether the broker has newer states than the database, or none."""
        async with asking(self._link.here, name="reads") as asked:
            return await self._reading().is_ahead(asked)

    def _reading(self) -> ReadingBack:
        return ReadingBack(
            ROOT,
            instance="gw",
            database=self._pool,
            patience=self._patience,
            changed=self.changed.update,
            calm=self.calm,
        )

    def _count(self, _kind: object, published: int, _refusals: Collection[object]) -> None:
        self.published += published


@asynccontextmanager
async def running(pool: Pool, broker: Broker, *, receive_maximum: int = 1000) -> AsyncIterator[Gateway]:
    """A gateway that has published everything, birth included."""
    config = MqttConfig(url=broker.url, client_id="parking-gateway-gw", receive_maximum=receive_maximum)
    async with connected(config, will=None, inbox_limit=1000, window=1000) as link:
        birth = GatewayMessage(status="online", since=wall_clock.utc())
        await link.publish([gateway_publication(ROOT, "gw", birth)])
        async with pool.connect() as connection:
            await connection.commit_together(*gateways.begin_again("gw", 0))
        gateway = Gateway(pool, link, config)
        await gateway.publish()
        yield gateway


async def retain(broker: Broker, *topics: str, payload: bytes) -> None:
    """Publish a retained message on each of the topics."""
    async with aiomqtt.Client(LOCALHOST, broker.port) as client:
        for topic in topics:
            await client.publish(topic, payload, qos=1, retain=True)


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(statement))


async def test_where_broker_and_database_agree_nothing_is_published(
    pool: Pool, mosquitto: Broker, car_park: CarPark
) -> None:
    """Not one row of more than a page is due afterwards, and no topic was cleared."""
    await car_park(1200)
    async with running(pool, mosquitto) as gateway:
        before, gateway.published = await read_retained(mosquitto.url, ROOT), 0
        assert len(before) == 2 * 1200 + 2 + 2
        assert await gateway.read_back() == ReadBackResult()
        await gateway.publish()
        assert gateway.published == 0
        assert await read_retained(mosquitto.url, ROOT) == before


@pytest.mark.parametrize(
    ("payload", "is_ahead"), [(None, False), (b'{"version": 999}', True), (b"", True)], ids=["equal", "newer", "none"]
)
async def test_a_broker_with_newer_states_or_none_is_ahead(
    *, pool: Pool, mosquitto: Broker, car_park: CarPark, payload: bytes | None, is_ahead: bool
) -> None:
    """Our birth, which ends each reading, is no state."""
    await car_park(1)
    async with running(pool, mosquitto) as gateway:
        if payload is not None:
            await retain(mosquitto, SPACE, payload=payload)
        assert await gateway.is_broker_ahead() is is_ahead


@pytest.mark.parametrize("payload", [b"", b"{}"], ids=["missing", "different"])
@pytest.mark.parametrize("topic", TREE)
async def test_a_topic_that_differs_is_published_again_alone(
    pool: Pool, mosquitto: Broker, car_park: CarPark, topic: str, payload: bytes
) -> None:
    await car_park(3)
    async with running(pool, mosquitto) as gateway:
        before, gateway.published = await read_retained(mosquitto.url, f"{ROOT}/{topic.partition('/')[0]}"), 0
        await retain(mosquitto, f"{ROOT}/{topic}", payload=payload)
        assert await gateway.read_back() == ReadBackResult(published_again=1)
        assert len(gateway.changed) == topic.startswith("spaces")
        await gateway.publish()
        # A space that is published makes its zone and its site due for a new count.
        assert gateway.published == (3 if topic.startswith("spaces") else 1)
        assert await read_retained(mosquitto.url, f"{ROOT}/{topic.partition('/')[0]}") == before
        assert await gateway.read_back() == ReadBackResult()


async def test_a_topic_that_differs_is_published_again_when_the_backlog_is_worked_off(
    pool: Pool, mosquitto: Broker, car_park: CarPark
) -> None:
    await car_park(3)
    async with running(pool, mosquitto) as gateway:
        await retain(mosquitto, SPACE, payload=b"{}")
        gateway.is_calm.clear()
        reading = asyncio.create_task(gateway.read_back())
        await gateway.waits.wait()
        assert (gateway.changed, reading.done()) == (set(), False)
        gateway.is_calm.set()
        assert await reading == ReadBackResult(published_again=1)


async def test_topics_without_a_row_are_cleared_and_no_others(pool: Pool, mosquitto: Broker, car_park: CarPark) -> None:
    await car_park(3)
    async with running(pool, mosquitto) as gateway:
        before = await read_retained(mosquitto.url, ROOT)
        await retain(mosquitto, *(f"{ROOT}/{topic}" for topic in ORPHANS), *OTHERS, payload=b"{}")
        assert await gateway.read_back() == ReadBackResult(cleared=len(ORPHANS))
        after = await read_retained(mosquitto.url, "+/v1")
        assert after.keys() - before.keys() == set(OTHERS)


async def test_states_that_a_broker_sends_behind_the_last_message_are_compared_too(
    pool: Pool, behind: Broker, car_park: CarPark
) -> None:
    """HiveMQ sends them so. A reading that ended with the last message would miss them."""
    await car_park(3)
    async with running(pool, behind) as gateway:
        before = gateway.published
        await retain(behind, *(f"{ROOT}/{topic}" for topic in ORPHANS), payload=b"{}")
        result = await gateway.read_back()
        assert (result.published_again, result.cleared, result.is_whole) == (0, len(ORPHANS), True)
        await gateway.publish()
        assert gateway.published == before
        assert not await gateway.is_broker_ahead()


async def test_the_topics_of_a_renamed_site_move(
    pool: Pool, mosquitto: Broker, engine: AsyncEngine, car_park: CarPark
) -> None:
    """Its old topics are cleared, and its new ones are published, although no version has changed."""
    await car_park(3)
    async with running(pool, mosquitto) as gateway:
        await execute(engine, "update site set name = 'north'")
        assert await gateway.read_back() == ReadBackResult(published_again=3 + 1 + 1 + 3, cleared=3 + 1 + 1)
        await gateway.publish()
        spaces = await read_retained(mosquitto.url, f"{ROOT}/spaces")
        assert set(spaces) == {f"{ROOT}/spaces/north/level-1/A-{number}" for number in (1, 2, 3)}
        assert await gateway.read_back() == ReadBackResult()


async def test_a_row_that_changes_meanwhile_is_left_to_the_outbox(
    pool: Pool, mosquitto: Broker, engine: AsyncEngine, car_park: CarPark, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another gateway changes and publishes the space between our reading of its row and the broker's answer."""
    await car_park(3)
    async with running(pool, mosquitto) as gateway:
        subscribe = Link.subscribe

        async def behind_another_gateway(link: Link, *topic_filters: str) -> None:
            if SPACE in topic_filters:
                await execute(engine, "update space set version = 9, published_version = 9 where name = 'A-1'")
                await retain(mosquitto, SPACE, payload=b'{"version":9}')
            await subscribe(link, *topic_filters)

        monkeypatch.setattr(Link, "subscribe", behind_another_gateway)
        assert await gateway.read_back() == ReadBackResult()
        assert await read_retained(mosquitto.url, SPACE) == {SPACE: b'{"version":9}'}


async def test_a_broker_that_lost_every_state_gets_them_again(pool: Pool, mosquitto: Broker, car_park: CarPark) -> None:
    """The birth is there, so that the reading has an end; that the states can be read is proven by the first of them."""
    await car_park(600)
    async with running(pool, mosquitto) as gateway:
        before = await read_retained(mosquitto.url, f"{ROOT}/spaces")
        await retain(mosquitto, *before, payload=b"")
        assert (await gateway.read_back()).published_again == 600
        await gateway.publish()
        assert await read_retained(mosquitto.url, f"{ROOT}/spaces") == before


async def test_where_the_acl_forbids_to_read_the_states_nothing_is_published_again(
    pool: Pool, configured: Configured, car_park: CarPark, tmp_path_factory: pytest.TempPathFactory
) -> None:
    acl = tmp_path_factory.mktemp("acl") / "acl"
    acl.write_text(f"topic write {ROOT}/#\ntopic readwrite {ROOT}/gateways/#\n")
    acl.chmod(0o644)
    await car_park(30)
    async with running(pool, configured(f"acl_file {acl}\n")) as gateway:
        healed = await gateway.read_back()
        assert not healed.is_readable
        gateway.published = 0
        await gateway.publish()
        assert gateway.published == 3  # the space of the proof, its zone and its site


async def test_beside_a_gateway_of_another_database_no_topic_is_cleared(
    pool: Pool, mosquitto: Broker, car_park: CarPark
) -> None:
    """Its spaces have no row here. States of ours that differ are healed all the same."""
    await car_park(3)
    async with running(pool, mosquitto) as gateway:
        await retain(mosquitto, f"{ROOT}/gateways/stranger/marker", payload=b'{"number":7}')
        await retain(mosquitto, f"{ROOT}/spaces/away/level-1/A-1", SPACE, payload=b"{}")
        assert await gateway.read_back() == ReadBackResult(published_again=1, strangers=frozenset({"stranger"}))
        assert f"{ROOT}/spaces/away/level-1/A-1" in await read_retained(mosquitto.url, ROOT)


async def test_a_broker_that_drops_what_it_retains_is_not_taken_for_one_that_lost_it(
    pool: Pool, configured: Configured, car_park: CarPark
) -> None:
    """With its own limits, but smaller ones: a page is asked for in parts. The tree has no parts, and is not all compared."""
    await car_park(600)
    broker = configured("max_queued_messages 100\n")
    async with running(pool, broker, receive_maximum=100) as gateway:
        assert await gateway.read_back() == ReadBackResult(is_whole=False)


async def test_a_row_that_appears_while_its_topic_is_cleared_is_published(
    pool: Pool, mosquitto: Broker, engine: AsyncEngine, car_park: CarPark, monkeypatch: pytest.MonkeyPatch
) -> None:
    await car_park(3)
    orphan = f"{ROOT}/spaces/central/level-1/B-1"
    create = "insert into space (zone_id, name, version, published_version) select id, 'B-1', 1, 1 from zone"
    async with running(pool, mosquitto) as gateway:
        await retain(mosquitto, orphan, payload=b"{}")
        monkeypatch.setattr(Link, "publish", once_before(Link.publish, lambda: execute(engine, create)))
        assert await gateway.read_back() == ReadBackResult(cleared=1)
        assert orphan not in await read_retained(mosquitto.url, ROOT)
        await gateway.publish()
        assert orphan in await read_retained(mosquitto.url, ROOT)


def once_before(function: Callable[..., object], first: Callable[[], object]) -> Callable[..., object]:
    """The method, and before its first call something else."""
    firsts = iter([first])

    async def wrapped(*arguments: object) -> object:
        for one in firsts:
            await one()  # type: ignore[misc] # a coroutine
        return await function(*arguments)  # type: ignore[misc] # a coroutine

    return wrapped
