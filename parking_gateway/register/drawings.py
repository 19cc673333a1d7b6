"""Where the elements of an SVG are: the middle of each that has the name of a space.

An element is named by `data-space`, by Inkscape's label, or by its id. Of a path the ends of its parts count, and of a text its
beginning, which is exact enough for a mark of a space.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from math import cos, radians, sin
from typing import Final
from xml.etree.ElementTree import Element

Point = tuple[float, float]
Matrix = tuple[float, float, float, float, float, float]
"""a, b, c, d, e and f of SVG: x' = a·x + c·y + e, y' = b·x + d·y + f."""

_SAME: Final[Matrix] = (1, 0, 0, 1, 0, 0)
_NAMES: Final = ("data-space", "{http://www.inkscape.org/namespaces/inkscape}label", "id")
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_CALL: Final = re.compile(r"(\w+)\s*\(([^)]*)\)")
_PART: Final = re.compile(r"([a-zA-Z])([^a-zA-Z]*(?:[eE][-+]?\d+[^a-zA-Z]*)*)")
_ENDS: Final = {"m": 2, "l": 2, "t": 2, "h": 1, "v": 1, "q": 4, "s": 4, "c": 6, "a": 7}
"""How many numbers each part of a path has. The last two are its end."""


def middles(root: Element, wanted: frozenset[str]) -> dict[str, Point]:
    """The middles of the elements with these names, in the units of the drawing."""
    found: dict[str, Point] = {}
    for name, points in _named(root, _SAME, wanted):
        if name not in found and points:
            xs, ys = zip(*points, strict=True)
            found[name] = ((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2)
    return found


def _named(element: Element, outer: Matrix, wanted: frozenset[str]) -> Iterator[tuple[str, list[Point]]]:
    matrix = _within(outer, element)
    name = next((element.get(one) for one in _NAMES if element.get(one) in wanted), None)
    if name is not None:
        yield name, list(_points(element, outer))
        return
    for child in element:
        yield from _named(child, matrix, wanted)


def _points(element: Element, outer: Matrix) -> Iterator[Point]:
    matrix = _within(outer, element)
    shape = _SHAPES.get(_tag(element))
    for x, y in shape(element) if shape else ():
        a, b, c, d, e, f = matrix
        yield a * x + c * y + e, b * x + d * y + f
    for child in element:
        yield from _points(child, matrix)


def _within(outer: Matrix, element: Element) -> Matrix:
    calls = _CALL.findall(element.get("transform", ""))
    return reduce(_times, (_matrix(name, _numbers(inside)) for name, inside in calls), outer)


def _matrix(name: str, numbers: list[float]) -> Matrix:
    match name, numbers:
        case "matrix", [a, b, c, d, e, f]:
            return (a, b, c, d, e, f)
        case "translate", [x, *rest]:
            return (1, 0, 0, 1, x, rest[0] if rest else 0)
        case "scale", [x, *rest]:
            return (x, 0, 0, rest[0] if rest else x, 0, 0)
        case "rotate", [angle]:
            turn = radians(angle)
            return (cos(turn), sin(turn), -sin(turn), cos(turn), 0, 0)
        case "rotate", [angle, x, y]:
            there = _times((1, 0, 0, 1, x, y), _matrix("rotate", [angle]))
            return _times(there, (1, 0, 0, 1, -x, -y))
    return _SAME


def _times(one: Matrix, other: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * m + e, b * k + d * m + f)


def _tag(element: Element) -> str:
    # A comment has a function there.
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _box(element: Element) -> list[Point]:
    x, y, width, height = (_length(element, name) for name in ("x", "y", "width", "height"))
    return [(x, y), (x + width, y + height)]


def _round(element: Element) -> list[Point]:
    return [(_length(element, "cx"), _length(element, "cy"))]


def _line(element: Element) -> list[Point]:
    return [(_length(element, "x1"), _length(element, "y1")), (_length(element, "x2"), _length(element, "y2"))]


def _polygon(element: Element) -> list[Point]:
    numbers = _numbers(element.get("points", ""))
    return list(zip(numbers[::2], numbers[1::2], strict=False))


def _path(element: Element) -> list[Point]:
    points: list[Point] = []
    x = y = 0.0
    for letter, inside in _PART.findall(element.get("d", "")):
        kind, numbers = letter.lower(), _numbers(inside)
        size = _ENDS.get(kind)
        if size is None:
            continue
        before_x, before_y = (x, y) if letter.islower() else (0.0, 0.0)
        for start in range(0, len(numbers) - size + 1, size):
            *_, last = end = numbers[start : start + size]
            if letter.islower():
                before_x, before_y = x, y
            x = before_x + (last if kind == "h" else end[-2]) if kind != "v" else x
            y = before_y + last if kind != "h" else y
            points.append((x, y))
    return points


_SHAPES: Final[Mapping[str, Callable[[Element], list[Point]]]] = {
    "rect": _box,
    "image": _box,
    "use": _box,
    "text": _box,
    "circle": _round,
    "ellipse": _round,
    "line": _line,
    "polygon": _polygon,
    "polyline": _polygon,
    "path": _path,
}


def _numbers(text: str) -> list[float]:
    return [float(one) for one in _NUMBER.findall(text)]


def _length(element: Element, name: str) -> float:
    return next(iter(_numbers(element.get(name, ""))), 0.0)
