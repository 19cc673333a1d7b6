"""Numbers that a person reads."""

from datetime import timedelta

import pytest

from parking_gateway.core.wording import counted, duration


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 uplinks"), (1, "1 uplink"), (2, "2 uplinks"), (12_345, "12,345 uplinks")]
)
def test_a_count_agrees_with_its_noun(number: int, words: str) -> None:
    assert counted(number, "uplink") == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.5, "30 s"), (1, "1 min"), (20, "20 min"), (90, "1.5 h"), (1080, "18 h"), (10080, "7 d"), (100.1, "1.7 h")],
)
def test_a_span_is_written_in_its_largest_unit(minutes: float, words: str) -> None:
    assert duration(timedelta(minutes=minutes)) == words
