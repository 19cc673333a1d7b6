"""The socket beneath a connection: to whichever address of the host answers first, with TLS and WebSocket where asked for.

paho would open one itself, but it blocks, cannot be cancelled, and forgets to close what failed halfway.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import cached_property, partial
from typing import Final, TypeVar

from aiohappyeyeballs import start_connection
from paho.mqtt.client import _WebsocketWrapper

from parking_gateway.broker.frames import PING, PONG, Frames

Result = TypeVar("Result")

_NEXT_ADDRESS_AFTER: Final = 0.25
"""Seconds (RFC 8305)."""
_FRAME_BYTES: Final = 65_536
"""Brokers limit the size of a WebSocket frame: AWS IoT to 128 kB, amqtt to 1 MB."""
_DISCARDED_BYTES: Final = 65_536


class WebSocket(_WebsocketWrapper):
    """paho's, which sends frames of any size, keeps a frame until all of it has come, and loses a packet of a broken write."""

    def recv(self, length: int) -> bytes:
        """What came in binary frames, at most so much. Raises BlockingIOError where nothing did."""
        data = self._socket.recv(length)
        if not data:
            return b""
        try:
            payload = self._frames.take(data)
        except ConnectionError:
            return b""  # so paho ends the connection
        for opcode, body in self._frames.controls:
            self._answer(opcode, body)
        self._frames.controls.clear()
        if not payload:
            raise BlockingIOError
        return payload

    def _answer(self, opcode: int, body: bytes) -> None:
        if self._sendbuffer:  # in the middle of another frame
            return
        with suppress(OSError):
            self._socket.send(self._create_frame(PONG if opcode == PING else opcode, bytearray(body)))

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


async def opened(host: str, port: int, *, tls: ssl.SSLContext | None, path: str | None) -> Wire:
    """A connected socket, all handshakes done; a WebSocket where there is a path. Raises OSError.

    Cancelled at any point, it leaves nothing open.
    """
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    wire = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER)
    try:
        # Else the kernel keeps a publication back until the acknowledgements before it have arrived.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            wire = secure = tls.wrap_socket(wire, server_hostname=host, do_handshake_on_connect=False)
            await _in_thread(wire, secure.do_handshake)
        if path is None:
            return wire
        shake_hands = partial(WebSocket, wire, host, port, is_ssl=tls is not None, path=path, extra_headers=None)
        return await _in_thread(wire, shake_hands)
    except BaseException:
        wire.close()
        raise


@asynccontextmanager
async def read_to_the_end(wire: Wire) -> AsyncIterator[None]:
    """Within it a farewell is sent and the wire closed; at its end the peer has read everything, and hung up in turn.

    A connection that we end while data comes in is reset, and the peer loses what it has not read yet. How long to wait is
    for the caller to say.
    """
    with socket.socket(fileno=os.dup(wire.fileno())) as kept:
        kept.setblocking(False)  # noqa: FBT003 - the standard library's signature
        yield
        with suppress(OSError):  # too late, or reset all the same
            while await asyncio.get_running_loop().sock_recv(kept, _DISCARDED_BYTES):
                pass


async def _in_thread(wire: socket.socket, shake_hands: Callable[[], Result]) -> Result:
    """What a handshake returns, which blocks. It ends with the connection beneath it."""
    wire.setblocking(True)  # noqa: FBT003 - the standard library's signature
    working = asyncio.get_running_loop().run_in_executor(None, shake_hands)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        socket.socket.shutdown(wire, socket.SHUT_RDWR)
        await asyncio.wait([working])
        working.exception()  # else asyncio complains that nobody asked for it
        raise
