"""How a batch is shared out among transactions that run beside each other."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.broker.message import Message
from parking_gateway.intake import lanes

batches = st.lists(
    st.builds(Message, st.integers(0, 30).map(str), st.binary(max_size=2), st.just(1), st.just(1), st.booleans()),
    max_size=300,
)


@given(batch=batches)
def test_lanes_hold_every_message_once_and_each_topic_in_its_order(batch: list[Message]) -> None:
    shared = lanes(batch)
    assert Counter(map(id, batch)) == Counter(id(message) for lane in shared for message in lane)
    for topic in {message.topic for message in batch}:
        holding = [[m for m in lane if m.topic == topic] for lane in shared]
        assert [lane for lane in holding if lane] == [[m for m in batch if m.topic == topic]]


def test_a_small_batch_is_one_transaction() -> None:
    batch = [Message(str(number), b"", number, 1, False) for number in range(20)]  # noqa: FBT003
    assert lanes(batch) == [batch]
