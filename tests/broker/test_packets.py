"""Our reading and writing of packets equals paho's, wherever the stream is cut."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from parking_gateway.broker.large import Large
from parking_gateway.broker.message import Message, Whole, retained, without_its_end
from parking_gateway.broker.packets import (
    MQTT_LIMITS,
    Cut,
    PacketLimits,
    complete,
    length_bytes,
    puback,
    publish,
    split,
)
from parking_gateway.broker.properties import of_paho, packed
from parking_gateway.broker.stream import Stream
from parking_gateway.contract.publication import MessageProperties, Publication
from parking_gateway.store.rejections import digest_of

Received = tuple[list[Message], list[Message], list[tuple[int, int]]]
"""Messages of QoS 1, all other messages, and confirmations with their reasons."""
Way = Callable[[bytes], Cut]


def fast(*, is_v5: bool, limits: PacketLimits = MQTT_LIMITS) -> Way:
    return partial(split, is_v5=is_v5, limits=limits)


def plain(*, is_v5: bool, limits: PacketLimits = MQTT_LIMITS) -> Way:
    return partial(complete, limits=limits)


both_ways = pytest.mark.parametrize("way", [fast, plain])


class CutSocket:
    """Gives what was sent in pieces; between two of them there is nothing to read."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def recv(self, size: int) -> bytes:
        """At most a piece."""
        if not self._pieces:
            raise BlockingIOError
        piece, rest = self._pieces[0][:size], self._pieces[0][size:]
        if rest:
            self._pieces[0] = rest
            return piece
        del self._pieces[0]
        return piece

    def send(self, data: bytes) -> int:
        """Take all bytes of paho."""
        return len(data)

    @property
    def is_empty(self) -> bool:
        """Whether everything was read."""
        return not self._pieces


def read_by_paho(
    pieces: list[bytes], *, is_v5: bool, cut: Way | None = None, limits: PacketLimits = MQTT_LIMITS
) -> Received:
    """Read the stream with a paho client, alone or behind a Stream that cuts it so."""
    received: Received = ([], [], [])
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5 if is_v5 else mqtt.MQTTv311)
    client.manual_ack_set(True)  # noqa: FBT003 - paho's signature

    def on_message(_client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        properties = of_paho(message.properties)
        payload = bytes(message.payload)
        one = Message(message.topic, payload, message.mid, message.qos, message.dup, None, properties)
        one = retained(one) if message.retain else one
        (received[0] if message.qos == 1 else received[1]).append(one)

    def on_publish(_client: Any, _userdata: Any, mid: int, reason: Any, _properties: Any) -> None:
        received[2].append((mid, reason.value))

    def deliver(cut: Cut) -> None:
        for one in cut.messages:
            (received[0] if one.qos == 1 else received[1]).append(one)
        received[2].extend((one.mid, one.reason) for one in cut.confirmations)

    client.on_message, client.on_publish = on_message, on_publish
    # So that paho expects every confirmation, as it does for its own publications.
    for mid in range(1, 20):
        client._out_messages[mid] = mqtt.MQTTMessage(mid, b"t")
        client._out_messages[mid].qos = 1
        client._inflight_messages += 1
    socket = CutSocket(pieces)
    stream = Stream(socket, is_v5=is_v5, cut=cut, deliver=deliver, limits=limits) if cut else None
    client._sock = stream or socket  # type: ignore[assignment] # all that paho does with a socket
    while not socket.is_empty or (stream and stream.pending()):
        client.loop_read()
    client._sock = None
    return received


topics = st.text(
    st.characters(codec="utf-8", exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1, max_size=20
)
payloads = st.binary(max_size=40) | st.integers(100, 20_000).map(lambda size: b"x" * size)


mqtt_text = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=100)
properties = st.builds(
    MessageProperties,
    response_topic=st.none() | topics,
    correlation_data=st.none() | st.binary(max_size=100),
    content_type=st.none() | mqtt_text,
    expiry_seconds=st.none() | st.integers(0, 2**32 - 1),
    user=st.lists(st.tuples(mqtt_text, mqtt_text), max_size=3).map(tuple),
)


def _properties(draw: st.DrawFn) -> bytes:
    """With their length. Ours, and such as the broker adds and we do not keep."""
    found = packed(draw(properties)) if draw(st.booleans()) else b""
    if draw(st.booleans()):
        found += bytes([1, draw(st.sampled_from([0, 1]))])
    if draw(st.booleans()):
        found += b"\x0b" + bytes(length_bytes(draw(st.integers(1, 2**28 - 1))))
    return bytes(length_bytes(len(found))) + found


def _with_length(first: int, body: bytes) -> bytes:
    length, encoded = len(body), b""
    while length > 127:
        encoded += bytes([length % 128 + 128])
        length //= 128
    return bytes([first]) + encoded + bytes([length]) + body


@st.composite
def packets(draw: st.DrawFn, *, is_v5: bool, of_qos_2: bool) -> bytes:
    """A packet that a broker may send to a connected client."""
    kind = draw(st.sampled_from(["publish", "publish", "publish", "puback", "pingresp", "pubrel"]))
    mid = draw(st.integers(1, 19)).to_bytes(2, "big")
    match kind:
        case "publish":
            qos, flags = draw(st.sampled_from([0, 1, 1, 1, 2 if of_qos_2 else 1])), draw(st.sampled_from([0, 1, 8, 9]))
            topic = draw(topics).encode()
            head = len(topic).to_bytes(2, "big") + topic + (mid if qos else b"")
            head += _properties(draw) if is_v5 else b""
            return _with_length(0x30 | qos << 1 | (flags if qos else flags & 1), head + draw(payloads))
        case "puback" if is_v5:
            reason = draw(st.sampled_from([b"", b"\0", b"\x10\0", b"\x87", b"\x97\0"]))
            return _with_length(0x40, mid + reason)
        case "puback":
            return _with_length(0x40, mid)
        case "pubrel":
            return _with_length(0x62, mid)
        case _:
            return b"\xd0\0"


@st.composite
def cut_streams(draw: st.DrawFn, *, is_v5: bool, of_qos_2: bool = True) -> list[bytes]:
    """A stream of such packets, in pieces."""
    # A confirmation comes once for each publication.
    confirmed: set[bytes] = set()
    stream = b""
    for packet in draw(st.lists(packets(is_v5=is_v5, of_qos_2=of_qos_2), max_size=12)):
        if packet[0] == 0x40:
            if packet[2:4] in confirmed:
                continue
            confirmed.add(packet[2:4])
        stream += packet
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=20)))
    return [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@both_ways
@pytest.mark.parametrize("is_v5", [False, True])
@given(data=st.data())
def test_packets_are_read_as_paho_reads_them_wherever_the_stream_is_cut(
    data: st.DataObject,
    is_v5: bool,  # noqa: FBT001
    way: Callable[..., Way],
) -> None:
    pieces = data.draw(cut_streams(is_v5=is_v5))
    assert read_by_paho(pieces, is_v5=is_v5, cut=way(is_v5=is_v5)) == read_by_paho(pieces, is_v5=is_v5)


SMALL = PacketLimits(payload=5_000, packet=6_000)
"""Above every topic and all properties of these tests."""


@both_ways
@pytest.mark.parametrize("is_v5", [False, True])
@given(data=st.data())
def test_large_packets_are_read_in_part_and_all_others_as_paho_does(
    data: st.DataObject,
    is_v5: bool,  # noqa: FBT001
    way: Callable[..., Way],
) -> None:
    pieces = data.draw(cut_streams(is_v5=is_v5, of_qos_2=False))
    ours = read_by_paho(pieces, is_v5=is_v5, cut=way(is_v5=is_v5, limits=SMALL), limits=SMALL)
    first, second, confirmations = read_by_paho(pieces, is_v5=is_v5)
    expected = ([*map(_kept, first)], [*map(_kept, second)], confirmations)
    assert ([*map(_kept, ours[0])], [*map(_kept, ours[1])], ours[2]) == expected


def _kept(message: Message) -> Message:
    """As the connection keeps it, which also cuts messages that paho has read whole."""
    return message if message.whole or len(message.payload) <= SMALL.payload else without_its_end(message)


@both_ways
def test_of_a_packet_that_is_too_large_no_more_is_held_than_a_read(way: Callable[..., Way]) -> None:
    received: list[Message] = []
    large = Publication(topic="application/up", payload=b"x" * 2_000_000, retain=False)
    packet = publish(large, mid=7, is_v5=True)
    socket = CutSocket([packet[start : start + 10_000] for start in range(0, len(packet), 10_000)])
    stream = Stream(
        socket,
        is_v5=True,
        cut=way(is_v5=True, limits=SMALL),
        deliver=lambda cut: received.extend(cut.messages),
        limits=SMALL,
    )
    tracemalloc.start()
    try:
        while not socket.is_empty or stream.pending():
            with suppress(BlockingIOError):
                stream.recv(1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000
    (one,) = received
    assert (one.mid, one.qos, len(one.payload)) == (7, 1, 4096)
    assert one.whole == Whole(2_000_000, digest_of("application/up", b"x" * 2_000_000))


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(_with_length(0x34, b"\0\1t\0\1" + bytes(9_000)), id="of QoS 2, to which nobody subscribed"),
        pytest.param(_with_length(0x36, b"\0\1t\0\1" + bytes(9_000)), id="of QoS 3, which does not exist"),
        pytest.param(_with_length(0x90, bytes(9_000)), id="of another kind"),
        pytest.param(_with_length(0x32, b"\xff\xff" + bytes(9_000)), id="with a topic longer than itself"),
        pytest.param(_with_length(0x32, b"\0\1t\0\1\xff\xff\xff\xff\x01" + bytes(9_000)), id="with no end of a length"),
        pytest.param(_with_length(0x32, b"\0\1t\0\1\xff\x7f" + bytes(9_000)), id="with properties longer than itself"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000, 20_000])
def test_a_large_packet_that_no_broker_may_send_ends_the_connection(packet: bytes, size: int) -> None:
    socket = CutSocket([packet[start : start + size] for start in range(0, len(packet), size)])
    stream = Stream(socket, is_v5=True, cut=fast(is_v5=True, limits=SMALL), deliver=lambda _: None, limits=SMALL)
    given = b""
    while (not socket.is_empty or stream.pending()) and not given:
        with suppress(BlockingIOError):
            given = stream.recv(2)
    assert given == b"\0\0"


@given(
    topic=topics, properties=st.integers(0, 20_000), size=st.integers(0, 20_000), cuts=st.sets(st.integers(1, 40_000))
)
def test_the_beginning_of_a_large_payload_is_found_wherever_it_is_cut(
    topic: str, properties: int, size: int, cuts: set[int]
) -> None:
    """Behind properties of any length, of which nothing is kept."""
    payload = bytes(number % 251 for number in range(size))
    body = len(topic.encode()).to_bytes(2, "big") + topic.encode() + b"\0\x09"
    body += bytes(length_bytes(properties)) + b"p" * properties + payload
    ends = [*sorted(cut for cut in cuts if cut < len(body)), len(body)]
    large = Large(0x3A, len(body), is_v5=True)
    for start, end in pairwise([0, *ends]):
        assert large.take(body[start:end] + b"next"[: 4 * (end == len(body))]) == end - start
    whole = Whole(size, digest_of(topic, payload))
    assert large.message == Message(topic, payload[:4096], 9, 1, True, whole)  # noqa: FBT003
    assert not large.is_broken


@pytest.mark.parametrize("is_v5", [False, True])
@given(stream=st.binary(max_size=200))
def test_any_bytes_are_cut_without_a_complaint_and_none_is_lost(stream: bytes, is_v5: bool) -> None:  # noqa: FBT001
    """What is no packet is paho's to refuse."""
    cut = split(stream, is_v5=is_v5)
    assert 0 <= cut.end <= len(stream)
    assert len(cut.others) <= cut.end


publications = st.builds(Publication, topic=topics, payload=payloads, retain=st.booleans(), properties=properties)


@pytest.mark.parametrize("is_v5", [False, True])
@given(one=publications, mid=st.integers(1, 65_535))
def test_our_packets_are_read_as_they_were_written(one: Publication, mid: int, is_v5: bool) -> None:  # noqa: FBT001
    """And paho reads the same, by the test above. MQTT 3.1.1 has no properties."""
    packet = publish(one, mid=mid, is_v5=is_v5)
    cut = split(packet, is_v5=is_v5)
    kept = one.properties if is_v5 else MessageProperties()
    expected = Message(one.topic, one.payload, mid, 1, False, None, kept, is_retained=one.retain)  # noqa: FBT003
    assert (cut.messages, cut.end) == ([expected], len(packet))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\x00\x01t", id="shorter than its two lengths"),
        pytest.param(b"\x00\x09topic\x00\x01", id="a topic longer than the packet"),
        pytest.param(b"\x00\x01t\x00\x01\x09", id="properties longer than the packet"),
        pytest.param(b"\x00\x01t\x00\x01\xff", id="properties without an end"),
    ],
)
def test_a_publish_that_is_none_is_left_to_paho(body: bytes) -> None:
    packet = _with_length(0x32, body)
    assert split(packet, is_v5=True) == Cut([], [], packet, len(packet))


@given(mids=st.lists(st.integers(1, 65_535)))
def test_acknowledgements_are_read_in_their_order(mids: list[int]) -> None:
    assert [one.mid for one in split(puback(mids), is_v5=True).confirmations] == mids


def _lengths() -> Iterator[int]:
    for power in (7, 14, 21):
        yield from (2**power - 20, 2**power, 2**power + 20)


@pytest.mark.parametrize("size", list(_lengths()))
def test_lengths_of_every_number_of_bytes(size: int) -> None:
    packet = publish(Publication(topic="t", payload=b"x" * size, retain=False), mid=1, is_v5=True)
    assert [len(one.payload) for one in split(packet, is_v5=True).messages] == [size]
    assert split(packet[:-1], is_v5=True) == Cut([], [], b"", 0)
