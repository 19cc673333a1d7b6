"""The server of the board: uvicorn inside the gateway's loop, at an address that may not be free yet."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Generator
from typing import Final

import uvicorn
from loguru import logger
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from parking_gateway.process.config import ListenAddress
from parking_gateway.process.waits import pause
from parking_gateway.web.app import application
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.feed import Feed

_RETRY_SECONDS: Final = 2.0
"""Seconds between two attempts to bind."""
_TICK_SECONDS: Final = 1.0
"""Seconds between two dates in the headers."""
_STOP_SECONDS: Final = 1.0
"""Seconds for answers in progress when the gateway stops."""
_LOST_SECONDS: Final = 30
"""Seconds after which a connection is closed whose other side takes nothing."""
_IDLE_SECONDS: Final = 10.0
"""Seconds between two looks whether a connection asks for anything. uvicorn waits for a first request for ever."""
_LONGEST_HEAD: Final = 16_384
_BACKLOG: Final = 128


@contextlib.asynccontextmanager
async def served(listen: ListenAddress, desk: WebDesk) -> AsyncIterator[None]:
    """Serve during this context. An address that is not free is tried again; the gateway does not wait for it."""
    feed = Feed(desk)
    # Twice as many, so that people can still look while others watch.
    serving = Serving(listen, application(desk, feed), most=2 * desk.config.web.watchers)
    tasks = [asyncio.create_task(serving.run()), asyncio.create_task(feed.run())]
    for task in tasks:
        task.add_done_callback(_log_failure)
    desk.report.wake_watchers = feed.changed
    try:
        yield
    finally:
        feed.end()
        serving.leave()
        await asyncio.wait(tasks[:1], timeout=2 * _STOP_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


class Serving:
    """One server, from the first attempt to bind its address."""

    def __init__(self, listen: ListenAddress, application: ASGIApp, *, most: int) -> None:
        self.listen = listen
        self._leaving = asyncio.Event()
        self._server = _Server(
            uvicorn.Config(
                application,
                http=_PatientConnection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=most,
                timeout_graceful_shutdown=round(_STOP_SECONDS),
                h11_max_incomplete_event_size=_LONGEST_HEAD,
            ),
            leaving=self._leaving,
        )

    async def run(self) -> None:
        """Bind, and serve until `leave`."""
        bound = await self._bound()
        if bound is None:
            return
        host, port, *_ = bound.getsockname()
        logger.bind(listen=str(ListenAddress(host, port))).info("The board is served")
        await self._server.serve(sockets=[bound])

    def leave(self) -> None:
        """Accept nothing more, and end."""
        self._server.should_exit = True
        self._leaving.set()

    async def _bound(self) -> socket.socket | None:
        refused = ""
        while not self._leaving.is_set():
            try:
                return await asyncio.to_thread(_bind, self.listen)
            except OSError as error:
                if refused != (refused := error.strerror or str(error)):
                    logger.bind(listen=str(self.listen), error=refused).warning(
                        "The address of web.listen cannot be bound; trying again: change the key, or free the address"
                    )
            await pause(_RETRY_SECONDS, stop=self._leaving)
        return None


class _PatientConnection(H11Protocol):
    """A connection that is closed when no request was made or answered between two looks, so that idle ones use no place."""

    _last: RequestResponseCycle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._last = None
        self.loop.call_later(_IDLE_SECONDS, self._look)

    def _look(self) -> None:
        if self.transport.is_closing():
            return
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.cycle is self._last:
            self.transport.close()
            return
        self._last = self.cycle if is_idle else None
        self.loop.call_later(_IDLE_SECONDS, self._look)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which are the gateway's, and without its ten looks in a second."""

    def __init__(self, config: uvicorn.Config, *, leaving: asyncio.Event) -> None:
        super().__init__(config)
        self._leaving = leaving

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    @override
    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await pause(_TICK_SECONDS, stop=self._leaving)


def _bind(listen: ListenAddress) -> socket.socket:
    family, *_, address = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _LOST_SECONDS * 1000)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.opt(exception=error).error(
            "The board is served no more because of a mistake of the gateway's; please report it"
        )
