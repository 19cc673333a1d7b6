"""Tables of a terminal: aligned where they fit, and never cut where they do not."""

from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.cli.table import table_lines

WORDS = st.text("abc-", min_size=1, max_size=12)
ROWS = st.integers(1, 6).flatmap(
    lambda columns: st.lists(st.lists(WORDS, min_size=columns, max_size=columns), min_size=1, max_size=5)
)


def test_columns_are_aligned() -> None:
    rows = [("space", "state", "device"), ("A-1", "FREE", "-"), ("A-1000", "OCCUPIED", "a84041000181c061")]
    assert list(table_lines(rows, width=80)) == [
        ["space   state     device"],
        ["A-1     FREE      -"],
        ["A-1000  OCCUPIED  a84041000181c061"],
    ]


def test_columns_that_do_not_fit_continue_on_the_next_line() -> None:
    rows = [("space", "state", "device"), ("A-1000", "OCCUPIED", "a84041000181c061")]
    assert list(table_lines(rows, width=30)) == [
        ["space   state", "    device"],
        ["A-1000  OCCUPIED", "    a84041000181c061"],
    ]


def test_a_long_cell_is_wrapped_between_words() -> None:
    rows = [("device", "note"), ("bay 12", "no occupancy: it measures a distance")]
    assert list(table_lines(rows, width=24))[1] == ["bay 12", "    no occupancy: it", "    measures a distance"]


def test_wide_characters_take_two_cells() -> None:
    assert list(table_lines([("name", "x"), ("駐車", "y"), ("abcd", "z")], width=80))[1:] == [["駐車  y"], ["abcd  z"]]


@given(ROWS, st.integers(16, 60))
def test_nothing_is_cut_and_no_line_is_too_long(rows: list[list[str]], width: int) -> None:
    lines = list(table_lines(rows, width=width))
    assert [" ".join(row).split() for row in lines] == rows
    assert all(len(line) <= width for row in lines for line in row)
