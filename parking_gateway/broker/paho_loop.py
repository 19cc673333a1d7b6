"""paho in the event loop: reads when the socket is readable, writes when it is writable, and keeps alive.

While the inbox is full, it reads slower. It does not stop, because the answers to our publications come behind the messages.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client as Paho
from paho.mqtt.enums import MQTTErrorCode

from parking_gateway.broker import private
from parking_gateway.broker.inbox import Inbox

_AHEAD_BYTES: Final = 2 << 20
"""In the inbox, from which on reading is slower. A message that waits behind many others has left the processor's cache when
its turn comes, which makes an uplink a tenth dearer."""
_BREATH: Final = 0.01
"""Seconds between two reads then, unless messages are taken before: a full inbox is read in 4 s."""
_MISC_INTERVAL: Final = 1.0
"""Seconds between two looks at the keepalive."""


class PahoLoop:
    """From the opening of paho's socket to its close."""

    def __init__(self, paho: Paho, inbox: Inbox, *, fail: Callable[[Exception], None]) -> None:
        """`fail` is called with an exception of a callback, which the event loop would only log."""
        self._paho = paho
        self._inbox = inbox
        self._fail = fail
        self._loop = asyncio.get_running_loop()
        self._last_at = 0.0
        """When the broker last sent something, by the loop's clock."""
        self._next_read: asyncio.TimerHandle | None = None
        """Set while reading is slower."""
        self._misc: asyncio.Task[None] | None = None
        paho.on_socket_open = self._on_socket_open
        paho.on_socket_close = self._on_socket_close
        paho.on_socket_register_write = self._on_socket_register_write
        paho.on_socket_unregister_write = self._on_socket_unregister_write

    def is_silent(self, seconds: float) -> bool:
        """Whether the broker has sent nothing for so long."""
        return self._loop.time() - self._last_at >= seconds

    def read_on(self) -> None:
        """Read at full speed again if enough messages were taken."""
        if self._next_read is not None and self._inbox.size < _AHEAD_BYTES:
            self._next_read.cancel()
            self._read_again()

    async def end(self) -> None:
        """After the socket was closed: wait until nothing runs any more."""
        if self._misc is not None:
            self._misc.cancel()
            await asyncio.wait([self._misc])

    def _read(self) -> None:
        self._last_at = self._loop.time()
        try:
            while True:
                self._paho.loop_read()
                if self._slows_down():
                    return
                pending = getattr(
                    self._paho.socket(), "pending", None
                )  # bytes that left the socket and are not read yet
                if pending is None or not pending():
                    return
        except Exception as bug:  # noqa: BLE001 - `fail` gives it to the tasks that wait for the connection
            self._fail(bug)

    def _slows_down(self) -> bool:
        socket = self._paho.socket()
        if socket is None or self._inbox.is_closed or self._inbox.size < _AHEAD_BYTES:
            return False
        self._loop.remove_reader(socket)
        if self._next_read is None:
            self._next_read = self._loop.call_later(_BREATH, self._read_again)
        return True

    def _read_again(self) -> None:
        self._next_read = None
        socket = self._paho.socket()
        if socket is not None:
            self._loop.add_reader(socket, self._read)
            self._loop.call_soon(self._read)  # because bytes that left the socket already do not make it readable

    async def _keep_alive(self) -> None:
        while self._paho.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:
            await asyncio.sleep(_MISC_INTERVAL)
            if not self.is_silent(_MISC_INTERVAL):
                private.expect_no_pong(self._paho)

    def _on_socket_open(self, _paho: Paho, _data: Any, socket: Any) -> None:
        self._loop.add_reader(socket, self._read)
        self._misc = self._loop.create_task(self._keep_alive())

    def _on_socket_close(self, _paho: Paho, _data: Any, socket: Any) -> None:
        if socket.fileno() >= 0:
            self._loop.remove_reader(socket)
        if self._misc is not None:
            self._misc.cancel()

    def _on_socket_register_write(self, paho: Paho, _data: Any, socket: Any) -> None:
        # At once. A turn of the event loop later, the socket may be closed and its number in use by another one.
        self._loop.add_writer(socket, paho.loop_write)

    def _on_socket_unregister_write(self, _paho: Paho, _data: Any, socket: Any) -> None:
        self._loop.remove_writer(socket)
