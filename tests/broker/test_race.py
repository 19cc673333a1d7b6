"""A connection is made to the address of a host that answers first, and nothing of the others is left open."""

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from parking_gateway.broker import race
from parking_gateway.broker.race import connected
from parking_gateway.cli.demo.brokers import LOCALHOST, free_port

Resolve = Callable[..., None]


@pytest.fixture
def open_port() -> Iterator[int]:
    with socket.create_server((LOCALHOST, 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
async def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Give a host these ports of this machine as its addresses."""

    def ports(*numbers: int) -> None:
        async def getaddrinfo(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (LOCALHOST, number)) for number in numbers]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)

    return ports


async def test_an_address_that_refuses_is_not_waited_for(
    resolve: Resolve, open_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(race, "_NEXT_ADDRESS_AFTER", 3600)
    resolve(free_port(), open_port)
    async with asyncio.timeout(30):
        with await connected("broker", 1883) as wire:
            assert wire.getpeername()[1] == open_port


async def test_an_address_that_does_not_answer_costs_a_quarter_of_a_second(
    resolve: Resolve, silent_port: int, open_port: int
) -> None:
    resolve(silent_port, open_port)
    began = time.monotonic()
    with await connected("broker", 1883) as wire:
        assert wire.getpeername()[1] == open_port
    assert 0.2 < time.monotonic() - began < 5


async def test_the_error_names_every_reason(resolve: Resolve) -> None:
    ports = free_port(), free_port()
    resolve(*ports)
    with pytest.raises(OSError, match="Connect call failed") as caught:
        await connected("broker", 1883)
    assert all(str(port) in str(caught.value) for port in ports)


async def test_the_error_of_one_address_keeps_its_number(resolve: Resolve) -> None:
    resolve(free_port())
    with pytest.raises(ConnectionRefusedError) as caught:
        await connected("broker", 1883)
    assert caught.value.errno == errno.ECONNREFUSED
