"""The ledger counts the confirmations of the broker, and computes the final occupancy of every space."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.cli.demo.ledger import Ledger, SentUplink, final_occupancy
from parking_gateway.register.entries import Place

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PLACE = Place("central", "level-1", "a-001")


def sent_uplink(*, minute: int = 0, f_cnt: int = 0, is_occupied: bool | None = True) -> SentUplink:
    return SentUplink(
        deduplication_id=uuid4(),
        place=PLACE,
        seen_at=NOON + timedelta(minutes=minute),
        f_cnt=f_cnt,
        is_occupied=is_occupied,
    )


def test_uplinks_are_counted_once_and_repetitions_are_duplicates() -> None:
    ledger, first, second, unconfirmed = Ledger(), sent_uplink(), sent_uplink(), sent_uplink()
    for one in (first, second, unconfirmed):
        ledger.add_sent(one)
    for one in (first, second, first):
        ledger.add_confirmed(one)
    assert (ledger.uplinks, ledger.duplicates) == (2, 1)
    assert set(ledger.sent) - set(ledger.confirmed) == {unconfirmed.deduplication_id}


def test_the_newest_uplink_decides_and_not_the_last_to_come() -> None:
    assert final_occupancy([sent_uplink(minute=2, is_occupied=False), sent_uplink(minute=1)]) == {PLACE: False}


def test_at_the_same_time_the_counter_decides_and_then_occupied_wins() -> None:
    assert final_occupancy([sent_uplink(f_cnt=2, is_occupied=False), sent_uplink(f_cnt=1)]) == {PLACE: False}
    assert final_occupancy([sent_uplink(is_occupied=True), sent_uplink(is_occupied=False)]) == {PLACE: True}


def test_an_uplink_without_a_space_or_an_occupancy_decides_nothing() -> None:
    unassigned = SentUplink(deduplication_id=UUID(int=1), place=None, seen_at=NOON, f_cnt=0, is_occupied=True)
    assert final_occupancy([unassigned, sent_uplink(is_occupied=None)]) == {}


uplinks = st.builds(
    sent_uplink, minute=st.integers(0, 3), f_cnt=st.integers(0, 2), is_occupied=st.sampled_from([True, False, None])
)


@given(st.lists(uplinks).flatmap(lambda some: st.tuples(st.just(some), st.permutations(some))))
def test_order_and_repetition_do_not_matter(orders: tuple[list[SentUplink], list[SentUplink]]) -> None:
    sent, shuffled = orders
    assert final_occupancy(sent) == final_occupancy([*shuffled, *sent])
