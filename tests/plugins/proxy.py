"""A TCP proxy before a server of this machine, which cuts, resets, stalls and slows down connections."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST

Observe = Callable[[bytes], None]
Proxied = Callable[[int], "Proxy"]
_RESET = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing sends RST."""
_SLOW_BYTES = 4096


class Proxy:
    """Forwards to a port of this machine, in threads of its own, so that any test can use it."""

    def __init__(self, target: int, *, host: str = LOCALHOST) -> None:
        """`host` is where it listens."""
        self._target = target
        self._host = host
        self._server = socket.create_server((host, 0))
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._resetting: set[socket.socket] = set()
        self._bytes_per_second: float | None = None
        self._threads: list[threading.Thread] = []
        self.port = int(self._server.getsockname()[1])
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://{self._host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many stand now."""
        return len(self._open) // 2

    def cut(self) -> None:
        """End all connections, to both sides. New ones are let through."""
        with self._lock:
            for one in self._open:
                with suppress(OSError):  # closed by the other end meanwhile
                    one.shutdown(socket.SHUT_RDWR)

    def reset(self) -> int:
        """End all connections with RST, to both sides. Returns how many ends there were."""
        with self._lock:
            ends = [*self._open]
            self._resetting |= {*ends}
        for one in ends:
            with suppress(OSError):  # closed by the other end meanwhile
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                one.shutdown(socket.SHUT_RD)
        return len(ends)

    def slow_down(self, bytes_per_second: float) -> None:
        """Read no more than this from either side of each connection, in small pieces, until `resume`."""
        self._bytes_per_second = bytes_per_second

    def stall(self) -> None:
        """Forward nothing from now on. Connections stand and new ones are accepted."""
        self._flows.clear()

    def wait_while_stalled(self) -> None:
        """Wait for `resume`, if it forwards nothing."""
        self._flows.wait()

    def resume(self) -> None:
        """Forward what was held back, and everything that follows, at full speed."""
        self._bytes_per_second = None
        self._flows.set()

    def close(self) -> None:
        """End everything, and wait for it."""
        self.resume()
        self._server.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._server.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _spawn(self, target: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._server.accept()
                self._spawn(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection((LOCALHOST, self._target)) as server:
            with self._lock:
                self._open |= {client, server}
            from_client, from_server = self.observers()
            back = threading.Thread(target=self._forward, args=(server, client, from_server))
            back.start()
            self._forward(client, server, from_client)
            back.join()
            with self._lock:
                self._open -= {client, server}
                self._resetting -= {client, server}

    def observers(self) -> tuple[Observe, Observe]:
        """For a new connection: what is called with everything from the client, and from the server, before it is forwarded."""
        return _ignore, _ignore

    def _forward(self, source: socket.socket, sink: socket.socket, observe: Observe) -> None:
        with suppress(OSError):  # one end is gone, so the other is closed
            while data := source.recv(_SLOW_BYTES if self._bytes_per_second else 65_536):
                observe(data)
                self.wait_while_stalled()
                sink.sendall(data)
                if self._bytes_per_second:
                    time.sleep(len(data) / self._bytes_per_second)
        for one in (source, sink):
            if one not in self._resetting:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)


def _ignore(_: bytes) -> None:
    pass


@pytest.fixture
def proxied() -> Iterator[Proxied]:
    """Puts a proxy before a port."""
    with ExitStack() as stack:

        def put(port: int) -> Proxy:
            proxy = Proxy(port)
            stack.callback(proxy.close)
            return proxy

        yield put


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue of connections is full, so that the kernel does not answer another one."""
    with socket.create_server((LOCALHOST, 0), backlog=0) as server:
        port = server.getsockname()[1]
        with socket.create_connection((LOCALHOST, port)):
            yield port
