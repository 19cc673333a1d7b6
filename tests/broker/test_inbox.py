"""The age of the oldest message that was not taken yet."""

import time

from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.message import Message


def came(number: int) -> Message:
    return Message("t", b"%d" % number, number, 1, is_redelivered=False)


@given(st.lists(st.tuples(st.sampled_from(["put", "take"]), st.integers(1, 5))))
def test_the_oldest_message_is_as_old_as_it_is(steps: list[tuple[str, int]]) -> None:
    """Never older than the moment before it came, nor younger than the moment after."""
    inbox = Inbox(1000)
    waiting: list[tuple[float, float]] = []
    for step, count in steps:
        if step == "put":
            before = time.monotonic()
            inbox.put([came(number) for number in range(count)])
            waiting += [(before, time.monotonic())] * count
        else:
            assert len(inbox.take(count)) == min(count, len(waiting))
            del waiting[:count]
        oldest = inbox.oldest()
        if waiting:
            assert oldest is not None
            assert waiting[0][0] <= oldest <= waiting[0][1]
        else:
            assert oldest is None
