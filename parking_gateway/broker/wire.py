"""The socket beneath a connection: to the address of the host that answers first, with TLS and WebSocket if configured.

paho opens a socket itself, but that blocks, cannot be cancelled, and leaves a socket open after a handshake that failed.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cached_property, partial
from typing import Final, TypeVar

import msgspec

from parking_gateway.broker import race
from parking_gateway.broker.frames import PING, PONG, Frames
from parking_gateway.broker.private import FrameSocket

Result = TypeVar("Result")

_FRAME_BYTES: Final = 65_536
"""Brokers limit the size of a WebSocket frame: AWS IoT to 128 kB, amqtt to 1 MB."""
_DISCARDED_BYTES: Final = 65_536
_NOTICED_MS: Final = 3_000
"""Milliseconds without an answer of the peer's kernel after which its machine counts as dead. `mqtt.keepalive` would notice
it after two minutes."""


class WebSocket(FrameSocket):
    """paho's socket with frames of a limited size, read as they come, and written again after a write in part.

    paho's own writes frames of any size, keeps a frame until all of it has come, and loses a packet after a write in part.
    """

    def recv(self, length: int) -> bytes:
        """What came in binary frames, at most so much. Raises BlockingIOError where nothing did."""
        data = self.beneath.recv(length)
        if not data:
            return b""
        try:
            payload = self._frames.take(data)
        except ConnectionError:
            return b""  # the end of the stream for paho
        for opcode, body in self._frames.controls:
            self._answer(opcode, body)
        self._frames.controls.clear()
        if not payload:
            raise BlockingIOError
        return payload

    def _answer(self, opcode: int, body: bytes) -> None:
        if self.is_within_a_frame:
            return
        with suppress(OSError):
            self.beneath.send(self.frame(PONG if opcode == PING else opcode, body))

    @cached_property
    def _frames(self) -> Frames:
        return Frames()

    def send(self, data: bytes | bytearray) -> int:
        """Send a frame's worth of it, or raise BlockingIOError and be given the same again."""
        sent = super().send(data[:_FRAME_BYTES])
        if not sent:
            raise BlockingIOError
        return sent


Wire = socket.socket | WebSocket


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the broker is, and by what the stream to it is carried."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    websocket_path: str | None
    has_others: bool = False
    """Whether another address can take its place. Then a dead machine is noticed within seconds."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def opened(address: Address) -> Wire:
    """A connected socket, all handshakes done; a WebSocket where there is a path. Raises OSError.

    Cancelled at any point, it leaves nothing open.
    """
    wire = await race.connected(address.host, address.port)
    try:
        # Without this, the kernel keeps a publication back until the acknowledgements before it have arrived.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.has_others:
            _notice_death(wire)
        if address.tls is not None:
            wire = secure = address.tls.wrap_socket(wire, server_hostname=address.host, do_handshake_on_connect=False)
            await _in_thread(wire, secure.do_handshake)
        if address.websocket_path is None:
            return wire
        shake_hands = partial(
            WebSocket,
            wire,
            address.host,
            address.port,
            is_ssl=address.tls is not None,
            path=address.websocket_path,
            extra_headers=None,
        )
        return await _in_thread(wire, shake_hands)
    except BaseException:
        wire.close()
        raise


@asynccontextmanager
async def read_to_the_end(wire: Wire) -> AsyncIterator[None]:
    """Within it, DISCONNECT is sent and the wire is closed. It ends when the peer has read everything and hung up in turn.

    Without it, a connection that we end while data comes in is reset, and the peer loses the bytes that it has not read.
    The caller limits the time.
    """
    with socket.socket(fileno=os.dup(wire.fileno())) as kept:
        kept.setblocking(False)  # noqa: FBT003 - the standard library's signature
        yield
        with suppress(OSError):  # too late, or reset all the same
            while await asyncio.get_running_loop().sock_recv(kept, _DISCARDED_BYTES):
                pass


def _notice_death(wire: socket.socket) -> None:
    """Have the kernel ask the peer's kernel each second whether it is there, and end the connection without an answer."""
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _NOTICED_MS)


async def _in_thread(wire: socket.socket, shake_hands: Callable[[], Result]) -> Result:
    """The result of a handshake, which blocks. Cancelled, it ends the connection and with it the handshake."""
    wire.setblocking(True)  # noqa: FBT003 - the standard library's signature
    working = asyncio.get_running_loop().run_in_executor(None, shake_hands)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        socket.socket.shutdown(wire, socket.SHUT_RDWR)
        await asyncio.wait([working])
        working.exception()  # without this, asyncio logs that the exception was never retrieved
        raise
