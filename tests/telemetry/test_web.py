"""The three pages, read by a real client."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from loguru import logger
from prometheus_client.parser import text_string_to_metric_families
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.core.committed import Committed
from parking_gateway.process.config import ListenAddress
from parking_gateway.telemetry import Health, Metrics
from parking_gateway.telemetry.web import ask, serve

ANY_PORT = ListenAddress("127.0.0.1", 0)
JSON = "application/json; charset=utf-8"


class Gateway:
    """Health and metrics that are served, a clock that the test sets, and a client."""

    def __init__(self) -> None:
        self.now = 0.0
        self.health = Health(stalled_after=timedelta(seconds=60), seconds=lambda: self.now)
        self.metrics = Metrics(self.health)
        self.address: ListenAddress | None = None

    async def get(self, path: str, *, method: str = "GET") -> tuple[int, str, str]:
        """Status, content type and body."""
        return await asyncio.to_thread(self._get, path, method)

    def _get(self, path: str, method: str) -> tuple[int, str, str]:
        with closing(HTTPConnection(str(self.address), timeout=10)) as connection:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read().decode()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()
    async with serve(ANY_PORT, metrics=gateway.metrics, health=gateway.health) as gateway.address:
        yield gateway


async def test_metrics_are_what_prometheus_reads(gateway: Gateway) -> None:
    gateway.metrics.count_committed(Committed(received=Counter(up=3)))
    status, content_type, body = await gateway.get("/metrics")
    assert status == 200
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(body)}
    received = {s.labels["event"]: s.value for s in families["parking_gateway_messages_received"].samples}
    assert received["up"] == 3


async def test_health_names_the_stalled_task(gateway: Gateway) -> None:
    gateway.health.progress("intake")
    assert await gateway.get("/healthz") == (200, JSON, '{"healthy": true, "stalled": []}')
    gateway.now = 61
    assert await gateway.get("/healthz") == (503, JSON, '{"healthy": false, "stalled": ["intake"]}')


async def test_ready_means_broker_and_database(gateway: Gateway) -> None:
    assert await gateway.get("/readyz") == (503, JSON, '{"ready": false, "missing": ["broker", "database"]}')
    gateway.health.is_database_up = True
    assert await gateway.get("/readyz") == (503, JSON, '{"ready": false, "missing": ["broker"]}')
    gateway.health.is_broker_up = True
    assert await gateway.get("/readyz") == (200, JSON, '{"ready": true, "missing": []}')


async def test_absent_neighbours_are_no_illness(gateway: Gateway) -> None:
    """A restart of the gateway would not bring the broker back."""
    status, _, _ = await gateway.get("/healthz")
    assert status == 200


async def test_there_is_nothing_else(gateway: Gateway) -> None:
    assert (await gateway.get("/"))[0] == 404
    assert (await gateway.get("/metrics/"))[0] == 404
    assert (await gateway.get("/healthz", method="POST"))[0] == 405


@pytest.fixture
def warnings() -> Iterator[list[dict[str, Any]]]:
    """The fields of every warning that is logged."""
    found: list[dict[str, Any]] = []
    sink = logger.add(lambda line: found.append(line.record["extra"]), level="WARNING")
    yield found
    logger.remove(sink)


async def test_an_address_in_use_is_waited_for(warnings: list[dict[str, Any]]) -> None:
    """Another program holds it: there is one warning, and the pages are served once that program has ended."""
    gateway = Gateway()
    other = socket.create_server(("127.0.0.1", 0))
    gateway.address = ListenAddress(*other.getsockname())
    async with serve(gateway.address, metrics=gateway.metrics, health=gateway.health) as bound:
        assert bound is None
        other.close()
        served = AsyncRetrying(retry=retry_if_exception_type(OSError), wait=wait_fixed(0.05), stop=stop_after_delay(20))
        assert (await served(gateway.get, "/healthz"))[0] == 200
    assert warnings == [{"listen": str(gateway.address), "error": "Address already in use"}]


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_that_is_not_here_keeps_nobody_waiting(warnings: list[dict[str, Any]], host: str) -> None:
    """Neither the start of the gateway nor its end, because a network may come late, and a resolver may not answer."""
    gateway = Gateway()
    async with (
        asyncio.timeout(5),
        serve(ListenAddress(host, 9464), metrics=gateway.metrics, health=gateway.health) as bound,
    ):
        assert bound is None
    assert {one["listen"] for one in warnings} <= {f"{host}:9464"}


async def test_the_address_is_free_afterwards() -> None:
    gateway = Gateway()
    async with serve(ANY_PORT, metrics=gateway.metrics, health=gateway.health) as first:
        pass
    async with serve(first, metrics=gateway.metrics, health=gateway.health) as second:
        assert second == first


async def test_no_address_serves_nothing() -> None:
    gateway = Gateway()
    async with serve(None, metrics=gateway.metrics, health=gateway.health) as address:
        assert address is None


# Clients that do not get on

SOON = timedelta(seconds=0.3)


@pytest.mark.parametrize("drip", [False, True], ids=["sends nothing", "sends a byte now and then"])
async def test_a_client_without_a_request_is_left(*, drip: bool) -> None:
    """All others are served meanwhile."""
    gateway = Gateway()
    async with serve(ANY_PORT, metrics=gateway.metrics, health=gateway.health, within=SOON) as gateway.address:
        assert gateway.address is not None
        began = time.monotonic()
        with socket.create_connection((gateway.address.host, gateway.address.port)) as client:
            assert (await gateway.get("/healthz"))[0] == 200
            assert await asyncio.to_thread(_is_left, client, drip=drip)
        assert 0.2 < time.monotonic() - began < 5


def _is_left(client: socket.socket, *, drip: bool) -> bool:
    client.settimeout(0.05)
    for byte in b"GET /metrics HTTP/1.1\r\n" + 1000 * b"a":
        try:
            if drip:
                client.send(bytes([byte]))
            if not client.recv(100):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


async def test_more_clients_than_threads_are_turned_away() -> None:
    """And served again when the others have gone."""
    gateway = Gateway()
    async with serve(ANY_PORT, metrics=gateway.metrics, health=gateway.health) as gateway.address:
        assert gateway.address is not None
        with ExitStack() as stack:
            for _ in range(32):
                stack.enter_context(socket.create_connection((gateway.address.host, gateway.address.port)))
            with pytest.raises(ConnectionError):
                await gateway.get("/healthz")
        served = AsyncRetrying(retry=retry_if_exception_type(OSError), wait=wait_fixed(0.05), stop=stop_after_delay(20))
        assert (await served(gateway.get, "/healthz"))[0] == 200


async def test_a_gateway_that_does_not_answer_is_not_waited_for(deaf_port: int) -> None:
    began = time.monotonic()
    assert await asyncio.to_thread(ask, ListenAddress("127.0.0.1", deaf_port), "/readyz", within=SOON) is None
    assert 0.2 < time.monotonic() - began < 5
