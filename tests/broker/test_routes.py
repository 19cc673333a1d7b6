"""A message goes to the destination of the filter that matches its topic, by the rules of MQTT."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from parking_gateway.broker.message import Message
from parking_gateway.broker.routes import Routes, matches

levels = st.sampled_from(["", "a", "b", "$a", "a+", "é"])
topics = st.lists(levels, min_size=1, max_size=5).map("/".join)
filters = st.builds(
    lambda wanted, last: "/".join([*wanted, *last]),
    st.lists(levels | st.just("+"), min_size=1, max_size=5),
    st.sampled_from([[], ["#"]]),
) | st.just("#")


def on(*topics: str) -> list[Message]:
    return [Message(topic, b"", number, 1, is_redelivered=False) for number, topic in enumerate(topics, 1)]


@given(filters, topics)
def test_wildcards_match_as_paho_s_do(topic_filter: str, topic: str) -> None:
    assert matches(topic_filter, topic) is topic_matches_sub(topic_filter, topic)
    assert matches(f"$share/group/{topic_filter}", topic) is topic_matches_sub(topic_filter, topic)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "is_matched"),
    [
        ("application/+/device/+/event/+", "application/1/device/2/event/up", True),
        ("application/+/device/+/event/+", "application/1/device/2/command/down", False),
        ("parking/v1/request/#", "parking/v1/request", True),
        ("parking/v1/request/#", "parking/v1/requests/a", False),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("#", "$SYS/broker", False),
        ("+/broker", "$SYS/broker", False),
        ("$SYS/#", "$SYS/broker", True),
        ("$share/group/a/#", "a/b", True),
        ("$share/group/a/#", "$share/group/a/b", False),
    ],
)
def test_the_rules_by_example(topic_filter: str, topic: str, *, is_matched: bool) -> None:
    assert matches(topic_filter, topic) is is_matched


@given(st.lists(filters, max_size=3), st.lists(topics, max_size=8))
def test_the_first_filter_that_matches_gives_the_destination(routes: Sequence[str], given_topics: list[str]) -> None:
    """And a batch is sorted as each of its messages is, with nothing lost and nothing out of order."""
    sorting = Routes([(topic_filter, number) for number, topic_filter in enumerate(routes)], otherwise=-1)
    expected = [
        next((number for number, one in enumerate(routes) if topic_matches_sub(one, topic)), -1)
        for topic in given_topics
    ]
    assert [sorting.destination(topic) for topic in given_topics] == expected
    batch = on(*given_topics)
    found = {destination: list(messages) for destination, messages in sorting.sort(batch)}
    for destination in set(expected):
        assert found.pop(destination) == [
            one for one, place in zip(batch, expected, strict=True) if place == destination
        ]
    assert found == {}


def test_a_batch_for_one_destination_is_passed_on_as_it_is() -> None:
    """The hot path: it is neither copied nor matched message by message."""
    batch = on("application/1/device/2/event/up", "application/1/device/3/event/up")
    for routes in ([], [("parking/v1/request/#", "requests")]):
        ((destination, messages),) = Routes(routes, otherwise="events").sort(batch)
        assert destination == "events"
        assert messages is batch


def test_messages_of_an_earlier_subscription_go_to_the_default_destination() -> None:
    """They may be events of a topic that the configuration no longer names. Nothing is dropped for its topic."""
    routes = Routes([("parking/v1/request/#", "requests")], otherwise="events")
    assert routes.destination("old/application/1/device/2/event/up") == "events"
