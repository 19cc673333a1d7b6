"""The other side of a connection, which is there and does not answer."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port at which the kernel accepts connections and nothing answers them."""
    with socket.create_server((LOCALHOST, 0), backlog=100) as server:
        yield int(server.getsockname()[1])


@contextmanager
def suspended(pid: int) -> Iterator[None]:
    """Inside, this process does nothing. Its connections stand."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
