"""The board's server in a real gateway, asked by a real client."""

import signal
import socket
from contextlib import closing

import httpx
import psutil
import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST
from tests.plugins.daemon import Daemon
from tests.web.watching import url_of

MOST_BYTES = 110_000_000
"""Of the whole gateway with the board."""


def test_the_gateway_serves_the_board_with_a_strict_policy(daemon: Daemon) -> None:
    url = url_of(daemon)
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
    daemon.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    daemon.start_and_wait()
    assert daemon.terminate() == 0
    assert ("starlette.applications" in daemon.log.read_text()) is bool(listen)
