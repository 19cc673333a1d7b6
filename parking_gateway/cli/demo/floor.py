"""The floor plan of a zone of the demo: two rows of spaces on each side of a lane, drawn as SVG."""

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

_WIDTH, _LENGTH, _LANE, _WALL = 26, 52, 60, 20
"""Tenths of a metre: of a space, of the lane between two rows, and around all."""
_ROW: Final = 10
"""Spaces side by side."""
_LINES: Final = 'fill="none" stroke="#8a8f98"'


def drawing(spaces: Sequence[str]) -> bytes:
    """The drawing. Each space is a rectangle with its name."""
    rows = -(-len(spaces) // _ROW)
    width = 2 * _WALL + min(len(spaces), _ROW) * _WIDTH
    height = 2 * _WALL + _top(rows - 1) + _LENGTH
    parts = "".join((*_rectangles(spaces), *_arrows(rows, width)))
    wall = f'<rect x="4" y="4" width="{width - 8}" height="{height - 8}" rx="6" {_LINES} stroke-width="4"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{wall}{parts}</svg>'.encode()


def _top(row: int) -> int:
    """Rows stand back to back, and face a lane."""
    return row * _LENGTH + (row + 1) // 2 * _LANE


def _rectangles(spaces: Sequence[str]) -> Iterator[str]:
    for number, name in enumerate(spaces):
        row, column = divmod(number, _ROW)
        x, y = _WALL + column * _WIDTH, _WALL + _top(row)
        yield f'<rect id={quoteattr(name)} x="{x}" y="{y}" width="{_WIDTH}" height="{_LENGTH}" {_LINES}/>'


def _arrows(rows: int, width: int) -> Iterator[str]:
    """The direction of the lane in front of every second row."""
    for row in range(0, rows, 2):
        y = _WALL + _top(row) + _LENGTH + _LANE // 2
        if row + 1 < rows:
            yield f'<path d="M {width // 2 - 30} {y} h 50 m -8 -7 l 10 7 l -10 7" {_LINES} stroke-width="3"/>'
