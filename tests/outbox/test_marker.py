"""The comparison of the marker numbers of broker and database."""

from datetime import UTC, datetime, timedelta

import pytest

from parking_gateway.contract.gateways import number_of
from parking_gateway.outbox.marker import Comparison, Marker

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def marker() -> Marker:
    return Marker(root="p/v1", instance="gw", clock=lambda: NOON)


@pytest.mark.parametrize(
    ("database", "broker", "comparison"),
    [
        ({}, {}, Comparison.FIRST),
        ({"gw": 7}, {"gw": 7}, Comparison.SAME),
        ({"gw": 7}, {}, Comparison.BROKER_LOST_ALL),
        ({"gw": 7}, {"gw": 0}, Comparison.BROKER_LOST_ALL),
        ({"gw": 7}, {"gw": 6}, Comparison.BROKER_WENT_BACK),
        ({"gw": 7}, {"gw": 8}, Comparison.DATABASE_WENT_BACK),
        ({}, {"gw": 8}, Comparison.DATABASE_WENT_BACK),
        ({"gw": 7, "other": 5}, {"gw": 7, "other": 6}, Comparison.SAME),
        ({"gw": 7, "other": 5}, {"gw": 7, "other": 4}, Comparison.BROKER_WENT_BACK),
        ({"gw": 7, "other": 5}, {"gw": 7}, Comparison.BROKER_WENT_BACK),
    ],
)
def test_a_new_process_judges_by_both_numbers(
    database: dict[str, int], broker: dict[str, int], comparison: Comparison
) -> None:
    assert marker().compare(database=database, broker=broker) is comparison


def test_a_page_that_was_under_way_when_the_link_was_lost_shows_no_going_back() -> None:
    """Its rows are still due, so only they are published again. A new process takes the same numbers for a restore."""
    ours = marker()
    ours.next()
    ours.wrote(ours.sent)
    written = ours.sent
    ours.next()
    assert ours.compare(database={"gw": written}, broker={"gw": ours.sent}) is Comparison.SAME
    assert ours.compare(database={"gw": written}, broker={"gw": ours.sent + 1}) is Comparison.DATABASE_WENT_BACK


def test_a_database_that_holds_a_smaller_number_than_was_written_went_back() -> None:
    ours = marker()
    ours.wrote(9)
    assert ours.compare(database={"gw": 8}, broker={"gw": 8}) is Comparison.DATABASE_WENT_BACK


def test_a_gateway_that_was_removed_with_its_topics_is_missed_once() -> None:
    ours = marker()
    found = [ours.compare(database={"gw": 7, "gone": 5}, broker={"gw": 7}) for _ in range(2)]
    assert found == [Comparison.BROKER_WENT_BACK, Comparison.SAME]


def test_no_number_is_used_twice() -> None:
    """Not within a microsecond, not when the clock goes back, and not after a comparison with a larger one."""
    times = iter([NOON, NOON, NOON - timedelta(hours=1), NOON])
    ours = Marker(root="p/v1", instance="gw", clock=lambda: next(times))
    numbers = [number_of(ours.next().payload) for _ in range(3)]
    ours.compare(database={"gw": 1 << 52}, broker={"gw": (1 << 52) + 5})
    numbers.append(number_of(ours.next().payload))
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > (1 << 52) + 5
