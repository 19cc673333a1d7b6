"""The floor plan of a zone of the demo, as an SVG that names its spaces."""

from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

_ROW: Final = 10
_BAY: Final = 84
_DEPTH: Final = 80
_LANE: Final = 80
_MARGIN: Final = 40
_CORE: Final = 150
"""Units of the drawing: a bay is so wide and deep. Lifts and the ramp are beside the bays."""
_WIDTH: Final = 2 * _MARGIN + _ROW * _BAY + _CORE
_GREY: Final = "#8a979d"
"""It shows on a light and on a dark page."""


def drawing(spaces: Sequence[str]) -> bytes:
    """The drawing. Each space is a rectangle with its name."""
    rows = -(-len(spaces) // _ROW)
    height = _top(rows - 1) + _DEPTH + _MARGIN + rows % 2 * _LANE
    parts = [
        f'<rect x="12" y="12" width="{_WIDTH - 24}" height="{height - 24}" rx="10" stroke-width="6"/>',
        *_bays(spaces),
        *(_lane(_top(row) + _DEPTH + _LANE / 2) for row in range(0, rows, 2)),
        *_core(height),
    ]
    style = f'fill="none" stroke="{_GREY}" stroke-width="2" font-family="sans-serif" font-size="22"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {style}>{"".join(parts)}</svg>'.encode()


def _top(row: int) -> int:
    """A lane lies below the first row and every second one after it, so the rows between two lanes stand back to back."""
    return _MARGIN + row * _DEPTH + (row + 1) // 2 * _LANE


def _bays(spaces: Sequence[str]) -> Iterator[str]:
    for n, name in enumerate(spaces):
        row, column = divmod(n, _ROW)
        x, y = _MARGIN + column * _BAY, _top(row)
        yield f'<rect data-space={quoteattr(name)} x="{x}" y="{y}" width="{_BAY}" height="{_DEPTH}" opacity=".55"/>'


def _lane(y: float) -> str:
    left, right = _MARGIN + 20, _MARGIN + _ROW * _BAY - 20
    arrow = f'<path d="M{right} {y}l-14 -8v16z" fill="{_GREY}" stroke="none"/>'
    return f'<path d="M{left} {y}H{right - 24}" stroke-dasharray="24 16" opacity=".6"/>{arrow}'


def _core(height: int) -> Iterator[str]:
    x = _MARGIN + _ROW * _BAY + 40
    for y, label in ((_MARGIN, "stairs"), (_MARGIN + _DEPTH + 20, "lift")):
        yield f'<rect x="{x}" y="{y}" width="110" height="{_DEPTH}"/>'
        yield f'<text x="{x + 55}" y="{y + 48}" text-anchor="middle" fill="{_GREY}" stroke="none">{label}</text>'
    y = height - _MARGIN - 24
    yield f'<text x="{x + 55}" y="{y}" text-anchor="middle" fill="{_GREY}" stroke="none">exit →</text>'
