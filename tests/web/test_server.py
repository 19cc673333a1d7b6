"""The board's server, in a real gateway and alone, asked by a real client."""

import asyncio
import signal
import socket
from contextlib import closing

import httpx
import psutil
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from tenacity import AsyncRetrying, retry_if_exception_type, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from parking_gateway.process.config import ListenAddress
from parking_gateway.web import server
from tests.plugins.daemon import Daemon
from tests.web.watching import url_of

MOST_BYTES = 110_000_000
"""Of the whole gateway with the board."""


def test_the_gateway_serves_the_board_with_a_strict_policy(daemon: Daemon) -> None:
    url = url_of(daemon)
    daemon.is_forked = False
    daemon.start_and_wait()
    daemon.wait_for_line("The board is served")
    for path, kind in (
        ("/", "text/html"),
        ("/sign/central/level-1", "text/html"),
        ("/board/picture", "application/json"),
    ):
        page = httpx.get(f"{url}{path}")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith(kind)
        assert page.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "server" not in page.headers
    assert httpx.get(f"{url}/static/../app.py").status_code == 404
    assert psutil.Process(daemon.pid).memory_info().rss < MOST_BYTES
    assert daemon.terminate() == 0


def test_an_address_in_use_stops_nothing_and_is_used_as_soon_as_it_is_free(daemon: Daemon) -> None:
    with closing(socket.create_server((LOCALHOST, 0))) as taken:
        port = taken.getsockname()[1]
        daemon.configure(WEB__LISTEN=f"{LOCALHOST}:{port}")
        daemon.start_and_wait()
        daemon.wait_for_line(
            "The address of web.listen cannot be bound; trying again: change the key, or free the address"
        )
    daemon.wait_for_line("The board is served")
    assert httpx.get(f"http://{LOCALHOST}:{port}/").status_code == 200
    daemon.send(signal.SIGTERM)
    assert daemon.wait() == 0


@pytest.mark.parametrize("listen", ["", "127.0.0.1:0"])
def test_a_framework_is_imported_only_for_a_board(daemon: Daemon, listen: str) -> None:
    daemon.configure(WEB__LISTEN=listen)
    daemon.is_forked = False
    daemon.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    daemon.start_and_wait()
    assert daemon.terminate() == 0
    assert ("starlette.applications" in daemon.log.read_text()) is bool(listen)


async def test_a_connection_that_asks_for_nothing_is_closed_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_IDLE_SECONDS", 0.1)
    ended = asyncio.Event()

    async def slow(_: Request) -> Response:
        await ended.wait()
        return PlainTextResponse("at last")

    serving = server.Serving(ListenAddress(LOCALHOST, free_port()), Starlette(routes=[Route("/", slow)]), most=10)
    running = asyncio.create_task(serving.run())
    async for attempt in AsyncRetrying(retry=retry_if_exception_type(OSError), wait=wait_fixed(0.01)):
        with attempt:
            silent, silent_writer = await asyncio.open_connection(LOCALHOST, serving.listen.port)
    half, half_writer = await asyncio.open_connection(LOCALHOST, serving.listen.port)
    half_writer.write(b"GET / HTTP/1.1\r\nHost: ")
    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(client.get(f"http://{serving.listen}/"))
        assert await silent.read() == await half.read() == b""
        ended.set()
        assert (await asking).text == "at last"
    serving.leave()
    await running
    for writer in (silent_writer, half_writer):
        writer.close()
