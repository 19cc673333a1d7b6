"""A socket in the place of paho's: it keeps the messages and confirmations of QoS 1, and gives paho the rest."""

from collections.abc import Callable
from typing import Any, Final

from parking_gateway.broker.packets import Cut, split

_READ_BYTES: Final = 262_144


class Stream:
    """Around whatever socket paho opened: TCP, TLS or WebSocket."""

    def __init__(self, socket: Any, *, is_v5: bool, deliver: Callable[[Cut], None]) -> None:
        self._socket = socket
        self._is_v5 = is_v5
        self._deliver = deliver
        self._begun = b""
        """A packet that is not complete yet."""
        self._for_paho = b""
        self._given = 0
        """How far paho has read in them."""

    def __getattr__(self, name: str) -> Any:
        """Whatever else paho and aiomqtt ask a socket for."""
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """What paho asks for, byte by byte. Raises BlockingIOError when all that came was for us."""
        if self._given == len(self._for_paho):
            self._read()
        start, self._given = self._given, min(self._given + size, len(self._for_paho))
        return self._for_paho[start : self._given]

    def pending(self) -> int:
        """Bytes that wait without the socket being readable; aiomqtt reads on while there are any."""
        beneath = getattr(self._socket, "pending", None)
        return len(self._for_paho) - self._given + (beneath() if beneath else 0)

    def _read(self) -> None:
        read = self._socket.recv(_READ_BYTES)
        if not read:
            return  # the end of the stream, which paho understands
        data = self._begun + read
        cut = split(data, is_v5=self._is_v5)
        self._begun, self._for_paho, self._given = data[cut.end :], cut.others, 0
        self._deliver(cut)
        if not cut.others:
            raise BlockingIOError
