"""A table for a terminal of any width. Where a row does not fit into one line, its columns continue on the next. Pure.

No cell is cut, because a person copies DevEUIs and codecs from a table.
"""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

_GAP: Final = "  "
_INDENT: Final = "    "
"""Before the columns that continue a row."""


def table_lines(rows: Sequence[Sequence[str]], *, width: int) -> Iterator[list[str]]:
    """The lines of each row, `width` characters at most. The first row is the header."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = list(_columns_by_line(widths, width))
    for row in rows:
        cells = [cell + " " * (widths[column] - cell_len(cell)) for column, cell in enumerate(row)]
        yield [
            text for indent, columns in lines for text in _texts([cells[column] for column in columns], indent, width)
        ]


def _columns_by_line(widths: Sequence[int], width: int) -> Iterator[tuple[str, list[int]]]:
    """The columns that share a line, with the indent of the line."""
    indent, columns, used = "", list[int](), 0
    for column, needed in enumerate(widths):
        if columns and used + needed > width:
            yield indent, columns
            indent, columns, used = _INDENT, [], len(_INDENT)
        columns.append(column)
        used += needed + len(_GAP)
    yield indent, columns


def _texts(cells: Sequence[str], indent: str, width: int) -> list[str]:
    """One line, or several where a single cell is longer than a line."""
    text = (indent + _GAP.join(cells)).rstrip()
    if len(cells) > 1:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=indent, break_on_hyphens=False) or [""]
