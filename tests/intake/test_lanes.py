"""How a batch is shared out among transactions that run beside each other."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parking_gateway.broker.message import Message
from parking_gateway.intake.lanes import ended, lanes

messages = st.builds(
    Message, st.integers(0, 30).map("device/{}/up".format), st.just(b""), st.just(1), st.just(1), st.booleans()
)
batches = st.lists(messages, max_size=120) | st.lists(messages, min_size=100, max_size=120)


@given(batch=batches)
def test_lanes_hold_every_message_once_and_each_topic_in_its_order(batch: list[Message]) -> None:
    shared = lanes(batch)
    assert Counter(map(id, batch)) == Counter(id(message) for lane in shared for message in lane)
    for topic in {message.topic for message in batch}:
        holding = [[m for m in lane if m.topic == topic] for lane in shared]
        assert [lane for lane in holding if lane] == [[m for m in batch if m.topic == topic]]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example])
@given(batches=st.lists(st.lists(messages, min_size=100, max_size=120), min_size=2, max_size=3))
def test_a_topic_has_the_same_lane_in_every_large_batch(batches: list[list[Message]]) -> None:
    """Else what a device said first could be committed last."""
    lane_of: dict[str, int] = {}
    for batch in batches:
        for number, lane in enumerate(lanes(batch)):
            for message in lane:
                assert lane_of.setdefault(message.topic, number) == number


def test_all_events_of_a_device_are_in_one_lane() -> None:
    batch = [Message(f"device/{n % 40}/{event}", b"", n, 1, False) for n in range(200) for event in ("up", "status")]  # noqa: FBT003
    for device in range(40):
        holding = [lane for lane in lanes(batch) if any(m.topic.startswith(f"device/{device}/") for m in lane)]
        assert len(holding) == 1


def test_a_small_batch_is_one_transaction() -> None:
    batch = [Message(f"device/{number}/up", b"", number, 1, False) for number in range(20)]  # noqa: FBT003
    assert lanes(batch) == [batch]


async def test_a_lane_waits_for_those_before_it() -> None:
    earlier = asyncio.Event()
    before = asyncio.create_task(after(earlier))
    behind = asyncio.create_task(ended([before]))
    earlier.set()
    await behind
    assert before.done()


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_lane_does_not_go_on_behind_one_that_has_not_ended_well(*, is_cancelled: bool) -> None:
    """Its messages would be in the database or in the journal before earlier ones of the same device."""
    earlier = asyncio.Event()
    before = asyncio.create_task(after(earlier, fails=True))
    behind = asyncio.create_task(ended([before]))
    if is_cancelled:
        before.cancel()
    else:
        earlier.set()
    with pytest.raises(asyncio.CancelledError):
        await behind


async def after(event: asyncio.Event, *, fails: bool = False) -> None:
    """End, or fail, when this has happened."""
    await event.wait()
    if fails:
        raise ValueError
