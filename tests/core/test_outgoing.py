"""What is sent once: the topics of removed rows are cleared twice."""

from datetime import timedelta

from parking_gateway.core.due import DueKind
from parking_gateway.core.outgoing import Clearing, clearings
from tests.events import NOON


def test_a_topic_is_cleared_at_once_and_again_for_a_gateway_that_was_about_to_publish_it() -> None:
    names = ("central", "level-1", "A-1")
    assert clearings([(DueKind.SPACE, names)], now=NOON) == [
        Clearing(kind=DueKind.SPACE, names=names),
        Clearing(kind=DueKind.SPACE, names=names, not_before=NOON + timedelta(minutes=1)),
    ]


def test_without_topics_nothing_is_cleared() -> None:
    assert clearings([], now=NOON) == []
