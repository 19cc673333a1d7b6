"""A packet that is too large to be kept whole. Only the beginning of its payload is kept. Pure.

A packet of MQTT can have 256 MB.
"""

from typing import Final

from parking_gateway.broker.message import Beginning, Message, retained
from parking_gateway.broker.packets import LONGEST_LENGTH, variable_length

_PUBLISH: Final = 0x30
_TYPE: Final = 0xF0
_DUP: Final = 0x08
_RETAIN: Final = 0x01
_QOS: Final = 0x06


class Large:
    """One such packet while it comes in, from its first byte behind the length."""

    def __init__(self, first: int, length: int, *, is_v5: bool) -> None:
        self.message: Message | None = None
        """Set when all of the packet has come, with the beginning of its payload."""
        self._first = first
        self._length = length
        self._is_v5 = is_v5
        self._seen = 0
        self._head = bytearray()
        """Topic, packet id and the length of the properties, until all of them have come."""
        self._payload_at = 0
        self._topic = ""
        self._mid = 0
        self._payload: Beginning | None = None
        # No other kind of packet can be so large, and we subscribe at QoS 1.
        self.is_broken = first & _TYPE != _PUBLISH or (first & _QOS) >> 1 > 1
        """Whether this is no packet that a broker may send us."""

    def take(self, data: bytes) -> int:
        """Take the next piece of the stream, and return how many bytes of it belong to this packet."""
        size = min(len(data), self._length - self._seen)
        piece, at = data[:size], self._seen
        self._seen += size
        if self._payload is None:
            self._head += piece
            self._payload = self._begin()
            piece, at = bytes(self._head), 0
        if self._payload is not None:
            self._head = bytearray()
            self._payload.add(piece[max(0, self._payload_at - at) :])
        if self._seen == self._length:
            self._finish()
        return size

    def _begin(self) -> Beginning | None:
        """The payload, once all bytes before it have come."""
        head = self._head
        topic_end = 2 + (head[0] << 8 | head[1]) if len(head) > 1 else len(head) + 1
        start = topic_end + 2 if self._first & _QOS else topic_end
        if len(head) < start:
            return None
        properties = 0
        if self._is_v5:
            found, after = variable_length(head, start, len(head))
            if found is None:
                self.is_broken = self.is_broken or len(head) >= start + LONGEST_LENGTH
                return None
            properties, start = found, after
        self._payload_at = start + properties
        self.is_broken = self.is_broken or self._payload_at > self._length
        self._topic = str(head[2:topic_end], "utf-8", "replace")
        self._mid = head[topic_end] << 8 | head[topic_end + 1] if self._first & _QOS else 0
        return Beginning(self._topic)

    def _finish(self) -> None:
        if self._payload is None or self.is_broken:
            self.is_broken = True
            return
        qos, is_redelivered = (self._first & _QOS) >> 1, bool(self._first & _DUP)
        message = Message(self._topic, self._payload.kept, self._mid, qos, is_redelivered, self._payload.whole())
        self.message = retained(message) if self._first & _RETAIN else message
