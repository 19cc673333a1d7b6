"""What changed between two looks at the gaps of frame counters."""

from datetime import UTC, datetime

from parking_gateway.core.events import DevEui
from parking_gateway.core.gaps import Gap, changes

DEVICE, OTHER = DevEui("a84041000181c061"), DevEui("a84041000181c062")
AT = datetime(2026, 11, 26, 12, tzinfo=UTC)


def gap(first: int, last: int, device: DevEui = DEVICE, hour: int = 12) -> Gap:
    return Gap(device, "01a2d830", AT.replace(hour=hour), first, last)


def test_a_gap_that_is_known_is_not_counted_again() -> None:
    made = changes([gap(5, 9)], [gap(5, 9)])
    assert (made.opened, made.closed, made.lost, made.filled) == ([], [], {}, 0)


def test_new_gaps_are_counted_by_device() -> None:
    made = changes([gap(5, 9)], [gap(5, 9), gap(12, 12), gap(20, 21), gap(1, 3, OTHER)])
    assert made.lost == {DEVICE: 3, OTHER: 3}
    assert made.filled == 0


def test_an_uplink_that_comes_late_splits_its_gap_and_counts_as_filled() -> None:
    made = changes([gap(5, 9)], [gap(5, 6), gap(8, 9, hour=13)])
    assert (made.opened, made.closed) == ([gap(5, 6), gap(8, 9, hour=13)], [gap(5, 9)])
    assert (made.lost, made.filled) == ({}, 1)


def test_a_gap_that_is_no_more_is_filled() -> None:
    made = changes([gap(5, 9), gap(12, 12)], [gap(12, 12)])
    assert (made.closed, made.filled) == ([gap(5, 9)], 5)


def test_the_same_counters_after_a_restart_are_lost_once_more() -> None:
    made = changes([gap(5, 9)], [gap(5, 9), gap(5, 9, hour=14)])
    assert (made.lost, made.filled) == ({DEVICE: 5}, 0)
