"""The memory for results of a pure function."""

from collections import Counter
from collections.abc import Callable

from parking_gateway.core.remembering import remembered


def shouting(asked: Counter[str]) -> Callable[[str], str]:
    def shout(word: str) -> str:
        asked[word] += 1
        return word.upper()

    return remembered(shout)


def test_a_result_is_computed_once() -> None:
    asked = Counter[str]()
    shouted = shouting(asked)
    assert [shouted(word) for word in ("a", "b", "a")] == ["A", "B", "A"]
    assert asked == {"a": 1, "b": 1}


def test_a_long_argument_is_not_remembered() -> None:
    asked = Counter[str]()
    shouted = shouting(asked)
    long = 1025 * "a"
    assert [shouted(long), shouted(long)] == [long.upper(), long.upper()]
    assert asked == {long: 2}


def test_those_that_come_first_are_remembered_until_too_many_others_came() -> None:
    asked = Counter[str]()
    counted = shouting(asked)
    first, others = [f"{number}" for number in range(2048)], [f"+{number}" for number in range(16 * 2048)]
    for word in (*first, *others[:-1], *first):
        counted(word)
    assert set(asked.values()) == {1}
    for word in (others[-1], *first):
        counted(word)
    assert asked[others[-1]] == 1
    assert {asked[word] for word in first} == {2}
    counted(others[-1])
    assert asked[others[-1]] == 1
