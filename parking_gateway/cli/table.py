"""A table for a terminal of any width. Pure.

Columns without any value are left out. Where the others do not fit, each row is a block of `column: value` instead. No cell is
cut, because a person copies DevEUIs, codecs and spaces from a table.
"""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from rich.cells import cell_len

EMPTY: Final = "-"
"""A cell without a value."""
_GAP: Final = "  "
_INDENT: Final = "    "
"""Before the lines that continue a block."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a table."""

    header: str | None
    """None: there are blocks, whose values have the names of their columns."""
    rows: Sequence[Sequence[str]]
    """The lines of each row."""


def layout(columns: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> Layout:
    """Lay out a table in lines of `width` characters. Only a word that is longer by itself makes a longer line."""
    kept = [number for number in range(len(columns)) if not rows or any(row[number] != EMPTY for row in rows)]
    cells = [[row[number] for number in kept] for row in (columns, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    if sum(widths) + len(_GAP) * (len(widths) - 1) <= width:
        header, *lines = (_line(row, widths) for row in cells)
        return Layout(header=header, rows=[[line] for line in lines])
    return Layout(header=None, rows=[list(_block(columns, row, width)) or [EMPTY] for row in rows])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (needed - cell_len(cell)) for cell, needed in zip(cells, widths, strict=True))
    return _GAP.join(padded).rstrip()


def _block(columns: Sequence[str], row: Sequence[str], width: int) -> Iterator[str]:
    """As many values in a line as fit. A value that does not fit into one line is wrapped between words."""
    line = ""
    for column, cell in zip(columns, row, strict=True):
        if cell == EMPTY:
            continue
        value = f"{column}: {cell}"
        if line.strip() and cell_len(line + _GAP + value) > width:
            yield line
            line = _INDENT
        line = line + _GAP + value if line.strip() else line + value
        if cell_len(line) > width:
            *first, line = textwrap.wrap(
                line, width, subsequent_indent=_INDENT + _GAP, break_on_hyphens=False, break_long_words=False
            )
            yield from first
    if line.strip():
        yield line
