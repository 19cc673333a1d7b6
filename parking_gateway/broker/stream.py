"""A socket in the place of paho's. It keeps the packets that a connection reads itself, and gives paho all others."""

from collections.abc import Callable
from typing import Any, Final

from parking_gateway.broker.large import Large
from parking_gateway.broker.packets import MQTT_LIMITS, Cut, PacketLimits, variable_length

_READ_BYTES: Final = 262_144
_NO_PACKET: Final = b"\0\0"
"""For these bytes, paho ends the connection with "Protocol error"."""


class Stream:
    """Around a socket of TCP, TLS or WebSocket. It holds no more than the limits and one read."""

    def __init__(
        self,
        socket: Any,
        *,
        is_v5: bool,
        cut: Callable[[bytes], Cut],
        deliver: Callable[[Cut], None],
        limits: PacketLimits = MQTT_LIMITS,
    ) -> None:
        """`cut` takes complete packets off the stream; `deliver` takes the packets that are not for paho."""
        self._socket = socket
        self._is_v5 = is_v5
        self._cut = cut
        self._limits = limits
        self._deliver = deliver
        self._begun = bytearray()
        """A packet that is not complete yet."""
        self._needed = 0
        """Its bytes, with its header; 0 until its length has come."""
        self._large: Large | None = None
        self._behind = b""
        """Bytes behind a large packet, not cut yet: paho reads the packets before it first."""
        self._for_paho = b""
        self._given = 0
        """How far paho has read in them."""

    def __getattr__(self, name: str) -> Any:
        """Pass on all else that paho does with a socket."""
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        """The next bytes for paho. Raises BlockingIOError when there are none."""
        if self._given == len(self._for_paho):
            self._read()
        start, self._given = self._given, min(self._given + size, len(self._for_paho))
        return self._for_paho[start : self._given]

    def pending(self) -> int:
        """Bytes that wait although the socket is not readable. The connection reads on while there are any."""
        beneath = getattr(self._socket, "pending", None)
        return len(self._for_paho) - self._given + len(self._behind) + (beneath() if beneath else 0)

    def _read(self) -> None:
        read, self._behind = self._behind or self._socket.recv(_READ_BYTES), b""
        if not read:
            return  # the end of the stream, which paho understands
        self._for_paho, self._given = self._taken(read), 0
        if not self._for_paho:
            raise BlockingIOError

    def _taken(self, read: bytes) -> bytes:
        """Deliver our packets of the next piece of the stream, and return paho's."""
        if self._large is not None:
            return self._pass(self._large, read)
        if len(self._begun) + len(read) < self._needed:
            # Joined with every read, a packet that comes in n of them would be copied n times.
            self._begun += read
            return b""
        data = bytes(self._begun) + read if self._begun else read
        cut = self._cut(data)
        self._deliver(cut)
        length, body = variable_length(data, cut.end + 1, len(data))
        if length is not None and length > self._limits.packet:
            self._begun, self._needed = bytearray(), 0
            self._large = Large(data[cut.end], length, is_v5=self._is_v5)
            self._behind = data[body:]
            return cut.others
        self._begun, self._needed = bytearray(data[cut.end :]), 0 if length is None else body + length - cut.end
        return cut.others

    def _pass(self, large: Large, read: bytes) -> bytes:
        end = large.take(read)
        if large.is_broken:
            return _NO_PACKET
        if large.message is not None:
            self._deliver(Cut([large.message], [], b"", 0))
            self._large, self._behind = None, read[end:]
        return b""
