"""Whatever is published, the gateway's memory is bounded, and a valid uplink after it is recorded."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import aiomqtt
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.events import dev_eui_of, topic_of, up
from tests.plugins.daemon import Daemon
from tests.whole_gateway import PATIENCE, publish, unavailable, until, value

BOUND = 250_000_000


def _with(extra: bytes, times: int) -> Iterator[bytes]:
    return (up(dev_eui_of(1), at=number / 100).replace(b'"dr"', extra + b', "dr"') for number in range(times))


def _object(inside: bytes) -> bytes:
    return b'"object": {"x": [%b]}' % inside


LARGE: dict[str, Callable[[], Iterable[bytes]]] = {
    "many large ones": lambda: [bytes(1_000_000)] * 300,
    "a huge one": lambda: [b"1" * 200_000_000],
    "brackets": lambda: _with(_object(b",".join([b"[[[]]]"] * 9_000)), 1_000),
}
HEAVY: dict[str, Callable[[], Iterable[bytes]]] = {
    "as many brackets as may be": lambda: _with(_object(b",".join([b"[]"] * 2_300)), 3_000),
    "deep brackets": lambda: _with(_object(b"[" * 31_000 + b"]" * 31_000), 1_000),
    "numbers": lambda: _with(_object(b",".join([b"0.5"] * 15_000)), 1_000),
    "as large as may be": lambda: _with(b'"x": "%b"' % (b"x" * 64_000), 3_000),
}


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("flood", LARGE)
async def test_memory_is_bounded_however_large_the_messages_are(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, protocol: str, flood: str
) -> None:
    daemon.configure(MQTT__PROTOCOL=protocol)
    await _withstands(daemon, broker, database, engine, LARGE[flood]())


@pytest.mark.usefixtures("lasting")
@pytest.mark.parametrize("flood", HEAVY)
async def test_memory_is_bounded_whatever_the_messages_contain(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, flood: str
) -> None:
    """Some JSON takes forty times its size once it is decoded."""
    await _withstands(daemon, broker, database, engine, HEAVY[flood]())


async def _withstands(
    daemon: Daemon, broker: Broker, database: str, engine: AsyncEngine, flood: Iterable[bytes]
) -> None:
    """Publish while the database is unavailable, so that as many messages as possible wait."""
    daemon.configure(DATABASE__RECONNECT_WAIT_MAX="1")
    daemon.is_forked = False
    daemon.start_and_wait()
    async with unavailable(database), aiomqtt.Client(LOCALHOST, broker.port, timeout=PATIENCE) as client:
        for payload in flood:
            await client.publish(topic_of(dev_eui_of(1)), payload, qos=1)
    await publish(broker, [(topic_of(dev_eui_of(2)), up(dev_eui_of(2)))])
    await until(partial(_is_recorded, engine), "the valid uplink")
    assert daemon.peak_bytes() <= BOUND
    assert daemon.terminate() == 0


async def _is_recorded(engine: AsyncEngine) -> bool:
    return bool(await value(engine, f"select count(*) from uplink where dev_eui = '{dev_eui_of(2)}'"))
