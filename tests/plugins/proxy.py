"""A TCP proxy before a server of this machine, which cuts and stalls connections."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST

Proxied = Callable[[int], "Proxy"]


class Proxy:
    """Forwards to a port of this machine, in threads of its own, so that any test can use it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server((LOCALHOST, 0))
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.port = int(self._server.getsockname()[1])
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"mqtt://{LOCALHOST}:{self.port}"

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

    def stall(self) -> None:
        """Forward nothing from now on. Connections stand and new ones are accepted."""
        self._flows.clear()

    def resume(self) -> None:
        """Forward what was held back, and everything that follows."""
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
            back = threading.Thread(target=self._forward, args=(server, client))
            back.start()
            self._forward(client, server)
            back.join()
            with self._lock:
                self._open -= {client, server}

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # one end is gone, so the other is closed
            while data := source.recv(65_536):
                self._flows.wait()
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxied() -> Iterator[Proxied]:
    """Puts a proxy before a port."""
    with ExitStack() as stack:

        def put(port: int) -> Proxy:
            proxy = Proxy(port)
            stack.callback(proxy.close)
            return proxy

        yield put
