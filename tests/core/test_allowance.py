"""An amount that may be used within an hour."""

from datetime import timedelta

import pytest

from parking_gateway.core.allowance import Allowance
from tests.events import NOON

MINUTE = timedelta(minutes=1)


def test_all_of_it_may_be_used_at_once() -> None:
    allowance = Allowance(60)
    assert allowance.left(NOON) == 60
    allowance.use(60, NOON)
    assert allowance.left(NOON) == 0


def test_it_comes_back_evenly_within_an_hour_and_not_beyond_the_amount() -> None:
    allowance = Allowance(60)
    allowance.use(60, NOON)
    assert [allowance.left(NOON + number * MINUTE) for number in (1, 2, 30, 60, 600)] == [1, 2, 30, 60, 60]


def test_more_than_the_rest_is_the_rest() -> None:
    allowance = Allowance(60)
    allowance.use(1000, NOON)
    assert allowance.left(NOON + MINUTE) == 1


@pytest.mark.parametrize("every", [0.7, 0.9, 1.0, 1.1, 1.9])
def test_whoever_asks_often_gets_as_much_as_is_allowed(every: float) -> None:
    allowance, used = Allowance(60, MINUTE), 0
    allowance.use(60, NOON)
    for number in range(1, round(3600 / every) + 1):
        now = NOON + timedelta(seconds=number * every)
        if allowance.left(now) >= 1:
            allowance.use(1, now)
            used += 1
    assert used == pytest.approx(min(3600, 3600 / every), abs=2)


@pytest.mark.parametrize("step", [-timedelta(days=365), timedelta(days=365)])
def test_a_clock_that_jumps_does_not_block_it(step: timedelta) -> None:
    allowance = Allowance(60)
    allowance.use(60, NOON)
    allowance.left(NOON + step)
    assert allowance.left(NOON + step + 60 * MINUTE) == 60


def test_what_is_given_back_is_there_again_and_never_more_than_the_amount() -> None:
    allowance = Allowance(60)
    allowance.use(50, NOON)
    allowance.give_back(20)
    assert allowance.left(NOON) == 30
    allowance.give_back(1000)
    assert allowance.left(NOON) == 60


def test_nothing_is_nothing() -> None:
    assert Allowance(0).left(NOON) == 0
    assert Allowance(0).left(NOON + 60 * MINUTE) == 0


def test_another_amount_leaves_what_was_used_as_used() -> None:
    allowance = Allowance(60)
    allowance.use(50, NOON)
    allowance.change(100)
    assert allowance.left(NOON) == 50
    allowance.change(20)
    assert allowance.left(NOON) == 0
    assert allowance.left(NOON + 60 * MINUTE) == 20
