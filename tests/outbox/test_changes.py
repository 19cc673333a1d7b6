"""The spaces that wait for their publication, and which of their rows need no read."""

from datetime import UTC, datetime

from parking_gateway.core.due import DueSpace
from parking_gateway.core.space import Contact, SpaceId, SpaceState
from parking_gateway.outbox.changes import Changes

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B = SpaceId(1), SpaceId(2)


def row(space: SpaceId, version: int = 2) -> DueSpace:
    return DueSpace(
        space, version, 1, "central", "level-1", f"A-{space}", SpaceState.FREE, AT, None, "vacant", Contact.LIVE, None,
        None, None, None, None, AT,
    )  # fmt: skip


def test_rows_are_taken_where_all_spaces_have_one() -> None:
    changes = Changes()
    changes.add([A, B], {A: row(A), B: row(B)}, now=0)
    assert changes.take(9, without=(), read_again=(), now=0.5) == ([A, B], [row(A), row(B)])
    assert not changes


def test_spaces_with_and_without_a_row_are_read_together() -> None:
    changes = Changes()
    changes.add([A], {A: row(A)}, now=0)
    changes.add([B], {}, now=0)
    assert changes.take(9, without=(), read_again=(), now=0) == ([A, B], None)


def test_the_last_row_of_a_space_counts() -> None:
    changes = Changes()
    changes.add([A], {A: row(A)}, now=0)
    changes.add([A], {A: row(A, version=3)}, now=0)
    assert changes.take(9, without=(), read_again=(), now=0) == ([A], [row(A, version=3)])


def test_a_change_whose_row_is_not_known_outdates_the_row_before_it() -> None:
    changes = Changes()
    changes.add([A], {A: row(A)}, now=0)
    changes.add([A], {}, now=0)
    assert changes.take(9, without=(), read_again=(), now=0) == ([A], None)


def test_rows_that_have_waited_are_read_again() -> None:
    """Their spaces may have other names by now."""
    changes = Changes()
    changes.add([A], {A: row(A)}, now=0)
    changes.add([B], {B: row(B)}, now=0.9)
    assert changes.take(9, without=(), read_again=(), now=1.0) == ([A, B], None)
    changes.add([A], {A: row(A)}, now=1.5)
    assert changes.take(9, without=(), read_again=(), now=2.0) == ([A], [row(A)])


def test_a_space_that_is_left_out_is_read_afterwards() -> None:
    """It is being confirmed, so that the row is outdated then."""
    changes = Changes()
    changes.add([A, B], {A: row(A), B: row(B)}, now=0)
    assert changes.take(9, without={A}, read_again=(), now=0) == ([B], [row(B)])
    assert changes.take(9, without=(), read_again=(), now=0) == ([A], None)


def test_no_more_are_taken_than_fit_on_a_page() -> None:
    changes = Changes()
    changes.add([A, B], {A: row(A), B: row(B)}, now=0)
    assert changes.take(1, without=(), read_again=(), now=0) == ([A], [row(A)])
    assert changes.take(1, without=(), read_again=(), now=0) == ([B], None)


def test_a_space_that_is_not_confirmed_yet_is_published_again_only_with_its_row() -> None:
    """A read would find it due, whether or not it has changed."""
    changes = Changes()
    changes.add([A, B], {B: row(B)}, now=0)
    assert changes.take(9, without=(), read_again={A, B}, now=0) == ([B], [row(B)])
    assert changes.take(9, without=(), read_again={A, B}, now=0) == ([], [])
    assert len(changes) == 1
