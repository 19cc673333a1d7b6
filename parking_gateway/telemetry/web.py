"""The only HTTP: /metrics for Prometheus, /healthz and /readyz for supervisors and load balancers.

It is the WSGI server of the standard library, because prometheus_client loads it anyway and a framework would take 10 MB
of memory. It has its own threads, so it answers even while the event loop is blocked.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from io import BufferedReader
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Event, Thread
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from loguru import logger
from prometheus_client import make_wsgi_app
from typing_extensions import override

from parking_gateway.process.config import ListenAddress
from parking_gateway.telemetry import Health, Metrics

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import WriteableBuffer

_STOP_SECONDS: Final = 0.1
"""Seconds between two looks whether the server has to end."""
_FIRST_SECONDS: Final = 1.0
"""Seconds for the first attempt to bind. After that the gateway starts without the pages."""
_RETRY_SECONDS: Final = 2.0
"""Seconds between two attempts to bind."""
_READING: Final = ("GET", "HEAD")
_MOST_REQUESTS: Final = 32
"""At a time. Each has a thread; a connection beyond them is closed."""
_LONGEST_ANSWER: Final = 100_000
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to ask, not to listen
"""The address of a server that listens on all addresses."""


@asynccontextmanager
async def serve(
    listen: ListenAddress | None, *, metrics: Metrics, health: Health, within: timedelta = timedelta(seconds=10)
) -> AsyncIterator[ListenAddress | None]:
    """Serve the pages during this context. Yields the bound address; None: there is none to bind, or it is not free yet.

    A client has the time `within` for its request, and for reading the page. An address that another program holds, or that this machine does not have yet, is tried again until it is free.
    """
    if listen is None:
        yield None
        return
    serving = _Serving(listen, _application(metrics, health), within.total_seconds())
    serving.start()
    try:
        await asyncio.to_thread(serving.has_tried.wait, _FIRST_SECONDS)
        yield serving.address
    finally:
        await asyncio.to_thread(serving.end)


class _Serving(Thread):
    """The thread of the server. It first waits for its address, because a resolver or a port may need time."""

    def __init__(self, listen: ListenAddress, application: "WSGIApplication", seconds: float) -> None:
        super().__init__(name="web", daemon=True)
        self.address: ListenAddress | None = None
        """The bound address."""
        self.has_tried = Event()
        self._listen = listen
        self._application = application
        self._seconds = seconds
        self._is_over = Event()

    @override
    def run(self) -> None:
        refused = ""
        while not self._is_over.is_set():
            try:
                server = _PageServer(self._listen, self._application, self._seconds)
            except OSError as error:
                if refused != (refused := error.strerror or str(error)):
                    logger.bind(listen=str(self._listen), error=refused).warning(
                        "The address of telemetry.listen cannot be bound; trying again: change the key, or free the address"
                    )
                self.has_tried.set()
                self._is_over.wait(_RETRY_SECONDS)
            else:
                self._serve(server)

    def end(self) -> None:
        """End the server. It does not wait for a resolver that does not answer."""
        self._is_over.set()
        self.join(_FIRST_SECONDS)

    def _serve(self, server: "_PageServer") -> None:
        with server:
            host, port, *_ = server.server_address
            self.address = ListenAddress(str(host), port)
            if self.has_tried.is_set():
                logger.bind(listen=str(self.address)).info("Metrics and health are served now")
            self.has_tried.set()
            while not self._is_over.is_set():
                server.handle_request()


class _PageServer(ThreadingMixIn, WSGIServer):
    """A thread serves each request. No such thread keeps the process alive."""

    daemon_threads = True
    timeout = _STOP_SECONDS

    def __init__(self, listen: ListenAddress, application: "WSGIApplication", seconds: float) -> None:
        self.seconds = seconds
        self._free = BoundedSemaphore(_MOST_REQUESTS)
        family, *_, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        super().__init__(address[:2], _Request)  # type: ignore[arg-type] # a host and a port in either family
        self.set_app(application)

    def server_bind(self) -> None:
        """Bind without a look-up of the host name, which would wait for a DNS server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    @override
    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Log it. The standard library writes to standard error, which may be a full pipe."""
        logger.opt(exception=True).debug("A page could not be sent")


class _Until(socket.SocketIO):
    """Reads from a socket until a moment, however slowly the client sends."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        super().__init__(connection, "rb")
        self._connection = connection
        self._until = time.monotonic() + seconds

    @override
    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        # With 0 a socket would not wait, but also not time out.
        self._connection.settimeout(max(0.001, self._until - time.monotonic()))
        return super().readinto(buffer)


class _Request(WSGIRequestHandler):
    """A request that is not logged, and that ends when the client is too slow."""

    server: _PageServer

    @override
    def setup(self) -> None:
        self.request.settimeout(self.server.seconds)
        super().setup()
        self.rfile = BufferedReader(_Until(self.connection, self.server.seconds))

    @override
    def handle(self) -> None:
        with suppress(TimeoutError):  # the connection is closed then
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Log nothing."""


def _application(metrics: Metrics, health: Health) -> "WSGIApplication":
    def healthz() -> tuple[bool, str]:
        stalled = health.stalled()
        return not stalled, json.dumps({"healthy": not stalled, "stalled": stalled})

    def readyz() -> tuple[bool, str]:
        missing, why = health.missing(), health.why()
        problems = list(health.problems.values())
        details = ({"why": why} if why else {}) | ({"problems": problems} if problems else {})
        return not missing, json.dumps({"ready": not missing, "missing": missing} | details)

    answers: dict[str, Callable[[], tuple[bool, str]]] = {"/healthz": healthz, "/readyz": readyz}
    metrics_page: WSGIApplication = make_wsgi_app(metrics.registry)

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path != "/metrics" and path not in answers:
            return _respond(start_response, HTTPStatus.NOT_FOUND)
        if environ["REQUEST_METHOD"] not in _READING:
            return _respond(start_response, HTTPStatus.METHOD_NOT_ALLOWED)
        if path == "/metrics":
            return metrics_page(environ, start_response)
        is_well, words = answers[path]()
        return _respond(start_response, HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, words)

    return application


def _respond(start_response: "StartResponse", status: HTTPStatus, words: str = "") -> Iterable[bytes]:
    kind = "application/json" if words else "text/plain"
    start_response(f"{status.value} {status.phrase}", [("Content-Type", f"{kind}; charset=utf-8")])
    return [(words or status.phrase).encode()]


def ask(listen: ListenAddress, path: str, *, within: timedelta) -> bytes | None:
    """The answer of the gateway that listens there, whatever its status; None: there is no answer in time."""
    host = _LOOPBACK.get(listen.host, listen.host)
    try:
        with closing(HTTPConnection(host, listen.port, timeout=within.total_seconds())) as connection:
            connection.request("GET", path)
            return connection.getresponse().read(_LONGEST_ANSWER)
    except (OSError, HTTPException):
        return None
