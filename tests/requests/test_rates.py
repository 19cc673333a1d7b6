"""How often requests may be made."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.requests.rates import Rates
from tests.events import NOON

SECOND = timedelta(seconds=1)


def test_a_requester_that_asks_too_often_hinders_no_other() -> None:
    rates = Rates(per_minute=3, of_all=100)
    assert [rates.allow("anna", NOON) for _ in range(5)] == [True, True, True, False, False]
    assert rates.allow("ben", NOON)
    assert rates.allow("anna", NOON + 20 * SECOND)
    assert not rates.allow("anna", NOON + 21 * SECOND)


def test_many_names_have_one_limit_together() -> None:
    rates = Rates(per_minute=3, of_all=10)
    assert sum(rates.allow(f"name {number}", NOON) for number in range(5000)) == 10


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=200))
def test_within_any_minute_a_requester_is_allowed_twice_its_limit_at_most(asked: list[tuple[int, int]]) -> None:
    rates = Rates(per_minute=5, of_all=1000)
    now = NOON
    allowed = []
    for by, wait in asked:
        now += wait * SECOND
        if rates.allow(str(by), now):
            allowed.append((by, now))
    for by, at in allowed:
        assert sum(other == by and at <= when < at + 60 * SECOND for other, when in allowed) <= 10


def test_other_rates_hold_from_the_next_request_on() -> None:
    rates = Rates(per_minute=1, of_all=10)
    assert [rates.allow("one", NOON) for _ in range(2)] == [True, False]
    rates.change(per_minute=3, of_all=3)
    assert [rates.allow("one", NOON) for _ in range(3)] == [True, True, False]
