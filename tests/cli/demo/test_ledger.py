"""The ledger counts what the broker confirmed, and knows what every space has to end as."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.cli.demo.ledger import Ledger, Statement, last_word
from parking_gateway.register.entries import Place

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLACE = Place("central", "level-1", "a-001")


def statement(*, minute: int = 0, f_cnt: int = 0, is_occupied: bool | None = True) -> Statement:
    return Statement(
        deduplication_id=uuid4(),
        place=PLACE,
        seen_at=NOON + timedelta(minutes=minute),
        f_cnt=f_cnt,
        is_occupied=is_occupied,
    )


def test_uplinks_are_counted_once_and_what_comes_again_is_a_duplicate() -> None:
    ledger, first, second, unconfirmed = Ledger(), statement(), statement(), statement()
    for one in (first, second, unconfirmed):
        ledger.send(one)
    for one in (first, second, first):
        ledger.confirm(one)
    assert (ledger.uplinks, ledger.duplicates) == (2, 1)
    assert set(ledger.sent) - set(ledger.confirmed) == {unconfirmed.deduplication_id}


def test_the_newest_word_counts_and_not_the_last_to_come() -> None:
    assert last_word([statement(minute=2, is_occupied=False), statement(minute=1)]) == {PLACE: False}


def test_of_one_instant_the_counter_decides_and_then_the_car() -> None:
    assert last_word([statement(f_cnt=2, is_occupied=False), statement(f_cnt=1)]) == {PLACE: False}
    assert last_word([statement(is_occupied=True), statement(is_occupied=False)]) == {PLACE: True}


def test_who_says_nothing_of_a_space_decides_nothing() -> None:
    stranger = Statement(deduplication_id=UUID(int=1), place=None, seen_at=NOON, f_cnt=0, is_occupied=True)
    assert last_word([stranger, statement(is_occupied=None)]) == {}


statements = st.builds(
    statement, minute=st.integers(0, 3), f_cnt=st.integers(0, 2), is_occupied=st.sampled_from([True, False, None])
)


@given(st.lists(statements).flatmap(lambda words: st.tuples(st.just(words), st.permutations(words))))
def test_order_and_repetition_do_not_matter(words: tuple[list[Statement], list[Statement]]) -> None:
    said, shuffled = words
    assert last_word(said) == last_word([*shuffled, *said])
