"""What is in WebSocket's frames is found wherever the stream is cut, and no frame is held until it is complete."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.broker.frames import CLOSE, PING, Frames

BINARY, TEXT, CONTINUATION, PONG = 0x2, 0x1, 0x0, 0xA


def frame(opcode: int, payload: bytes, *, mask: bytes = b"") -> bytes:
    flag, length = 0x80 if mask else 0, len(payload)
    if length < 126:
        head = bytes([0x80 | opcode, flag | length])
    elif length < 65_536:
        head = bytes([0x80 | opcode, flag | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, flag | 127]) + length.to_bytes(8, "big")
    body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)) if mask else payload
    return head + mask + body


opcodes = st.sampled_from([BINARY, BINARY, CONTINUATION, TEXT, PING, PONG, CLOSE])
payloads = st.binary(max_size=125) | st.sampled_from([126, 65_535, 65_536]).map(lambda size: b"x" * size)
masks = st.sampled_from([b"", b"mask"])


@given(
    frames=st.lists(st.tuples(opcodes, payloads, masks), max_size=6), cuts=st.sets(st.integers(0, 400_000), max_size=20)
)
def test_payloads_are_found_wherever_the_stream_is_cut(frames: list[tuple[int, bytes, bytes]], cuts: set[int]) -> None:
    sent = [(opcode, payload[:125] if opcode >= CLOSE else payload, mask) for opcode, payload, mask in frames]
    stream = b"".join(frame(opcode, payload, mask=mask) for opcode, payload, mask in sent)
    reader = Frames()
    ends = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    found = b"".join(reader.take(stream[start:end]) for start, end in pairwise(ends))
    assert found == b"".join(payload for opcode, payload, _ in sent if opcode in (BINARY, CONTINUATION))
    assert reader.controls == [(opcode, payload) for opcode, payload, _ in sent if opcode in (PING, CLOSE)]


def test_of_a_huge_frame_every_piece_is_given_on_at_once() -> None:
    reader, piece = Frames(), b"x" * 100_000
    assert reader.take(bytes([0x80 | BINARY, 127]) + (1 << 40).to_bytes(8, "big")) == b""
    tracemalloc.start()
    try:
        for _ in range(100):
            assert reader.take(piece) == piece
            held, _ = tracemalloc.get_traced_memory()
            assert held < 10_000
    finally:
        tracemalloc.stop()


def test_a_control_frame_that_is_too_long_is_nonsense() -> None:
    with pytest.raises(ConnectionError):
        Frames().take(frame(PING, b"x" * 126))
