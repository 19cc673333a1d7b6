"""The frames of WebSocket, cut off the stream as it comes in. Pure; only the header of a frame is held.

paho keeps a frame until it is complete, and a broker may put 256 MB into one.
"""

from collections.abc import Iterator
from typing import Final

CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
_CONTINUATION: Final = 0x0
_BINARY: Final = 0x2
_LONGEST_CONTROL: Final = 125
"""Bytes (RFC 6455)."""
_LENGTH_BYTES: Final = {126: 2, 127: 8}
"""Behind these lengths follows the real length, in so many bytes."""


class Frames:
    """The frame that is coming in."""

    def __init__(self) -> None:
        self.controls: list[tuple[int, bytes]] = []
        """Opcode and payload of pings and closes. The caller answers them and clears the list."""
        self._header = bytearray()
        """Of a frame whose header is not complete yet."""
        self._opcode = 0
        self._left = 0
        self._mask = b""
        self._control = b""

    def take(self, data: bytes) -> bytes:
        """Take the next piece of the stream, and return the payload of binary frames in it. Raises ConnectionError."""
        return b"".join(self._payloads(data))

    def _payloads(self, data: bytes) -> Iterator[bytes]:
        position = 0
        while position < len(data):
            if not self._left:
                self._header.append(data[position])
                position += 1
                self._read_header()
                continue
            piece = data[position : position + self._left]
            position += len(piece)
            self._left -= len(piece)
            if self._mask:
                piece = self._unmasked(piece)
            if self._opcode in (_CONTINUATION, _BINARY):
                yield piece
            elif self._opcode >= CLOSE:
                self._control += piece
                self._end_control()

    def _read_header(self) -> None:
        header = self._header
        if len(header) < 2:  # noqa: PLR2004 - opcode and length
            return
        length, more, masking = header[1] & 0x7F, 0, 4 if header[1] & 0x80 else 0
        more = _LENGTH_BYTES.get(length, 0)
        if len(header) < 2 + more + masking:
            return
        if more:
            length = int.from_bytes(header[2 : 2 + more], "big")
        self._opcode, self._left, self._mask = header[0] & 0x0F, length, bytes(header[2 + more :])
        self._header, self._control = bytearray(), b""
        if self._opcode >= CLOSE:
            if length > _LONGEST_CONTROL:
                raise ConnectionError("A control frame of WebSocket is too long")
            self._end_control()

    def _end_control(self) -> None:
        if not self._left and self._opcode != PONG:
            self.controls.append((self._opcode, self._control))

    def _unmasked(self, piece: bytes) -> bytes:
        mask = self._mask
        self._mask = mask[len(piece) % 4 :] + mask[: len(piece) % 4]
        return bytes([byte ^ mask[index % 4] for index, byte in enumerate(piece)])
