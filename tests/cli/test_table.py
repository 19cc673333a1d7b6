"""Tables of a terminal: aligned where they fit, blocks where they do not, and never cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.cli.table import layout

WORDS = st.text("abc", min_size=1, max_size=8)
ROWS = st.integers(1, 6).flatmap(
    lambda columns: st.lists(st.lists(WORDS, min_size=columns, max_size=columns), min_size=2, max_size=5)
)
COLUMNS = ("device", "name", "profile", "contact", "last heard (UTC)", "battery", "codec", "space", "note")
DEVICE = "a84041000181c061"
CODEC = "libelium_smart_parking_fw1"
SPACE = "central/level-1/A-012"
LISTED = (DEVICE, "bay 12", "Parking sensor", "live", "2026-11-27 10:00:00", "-", CODEC, SPACE, "-")


def test_columns_are_aligned() -> None:
    table = layout(("space", "state", "device"), [("A-1", "FREE", "-"), ("A-1000", "OCCUPIED", DEVICE)], width=80)
    assert table.header == "space   state     device"
    assert list(table.rows) == [["A-1     FREE      -"], ["A-1000  OCCUPIED  a84041000181c061"]]


def test_columns_without_any_value_are_left_out() -> None:
    table = layout(("space", "note", "device"), [("A-1", "-", DEVICE)], width=80)
    assert (table.header, list(table.rows)) == ("space  device", [["A-1    a84041000181c061"]])
    assert layout(("space", "note"), [], width=80).header == "space  note"


@pytest.mark.parametrize("width", [80, 60, 40])
def test_rows_that_do_not_fit_are_blocks_and_nothing_is_cut(width: int) -> None:
    (lines,) = layout(COLUMNS, [LISTED], width=width).rows
    assert all(len(line) <= width for line in lines)
    assert all(any(word in line for line in lines) for word in (DEVICE, CODEC, SPACE))
    text = " ".join(" ".join(lines).split())
    assert all(f"{name}: {value}" in text for name, value in zip(COLUMNS, LISTED, strict=True) if value != "-")
    assert "battery" not in text


def test_a_block_has_as_many_values_in_a_line_as_fit() -> None:
    (lines,) = layout(COLUMNS, [LISTED], width=60).rows
    assert lines == [
        "device: a84041000181c061  name: bay 12",
        "    profile: Parking sensor  contact: live",
        "    last heard (UTC): 2026-11-27 10:00:00",
        "    codec: libelium_smart_parking_fw1",
        "    space: central/level-1/A-012",
    ]


def test_a_long_value_is_wrapped_between_words() -> None:
    (lines,) = layout(("device", "note"), [("bay 12", "no occupancy: it measures a distance")], width=24).rows
    assert lines == ["device: bay 12", "    note: no occupancy:", "      it measures a", "      distance"]


def test_wide_characters_take_two_cells() -> None:
    rows = layout(("name", "x"), [("駐車", "y"), ("abcd", "z")], width=80).rows
    assert list(rows) == [["駐車  y"], ["abcd  z"]]


@given(ROWS, st.integers(24, 60))
def test_nothing_is_cut_and_no_line_is_too_long(rows: list[list[str]], width: int) -> None:
    columns, *cells = rows
    table = layout(columns, cells, width=width)
    assert all(len(line) <= width for lines in table.rows for line in lines)
    for lines, row in zip(table.rows, cells, strict=True):
        named = [word for column, cell in zip(columns, row, strict=True) for word in (f"{column}:", cell)]
        assert " ".join(lines).split() == (row if table.header else named)
