"""Files with floor plans: what they are, how large, and where the spaces are on them. Pure."""

import csv
import io
import struct
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

import msgspec

from parking_gateway.register.csv_files import DELIMITERS
from parking_gateway.register.drawings import Point, middles

LARGEST: Final = 5_000_000
"""Bytes of a plan. Every browser loads it."""
_SVG: Final = "image/svg+xml"
_COLUMNS: Final = ("space", "x", "y")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_ENTITY: Final = b"<!ENTITY"
_FRAMES: Final = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Segments of a JPEG that begin a picture."""


class Unreadable(ValueError):  # noqa: N818 - of the file
    """The file is no plan. The message is a sentence."""


class PlanDrawing(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, as a file has it."""

    media_type: str
    content: bytes
    digest: str
    width: float
    height: float
    places: Mapping[str, Point]
    """The middles of the spaces that the drawing names, from its upper left corner."""


def read(content: bytes, *, spaces: Collection[str]) -> PlanDrawing:
    """Read the file of a zone with these spaces. Raises `Unreadable`."""
    if len(content) > LARGEST:
        raise Unreadable(f"the file has {len(content):,} bytes, and a plan at most {LARGEST:,}: make it smaller")
    places: Mapping[str, Point] = {}
    width: float
    height: float
    if size := _size_of_picture(content):
        media_type, width, height = size
    else:
        media_type = _SVG
        root = _svg(content)
        left, top, width, height = _view(root)
        places = {name: (x - left, y - top) for name, (x, y) in middles(root, frozenset(spaces)).items()}
    if not (width > 0 and height > 0):
        raise Unreadable("the plan has no size")
    digest = blake2b(content, digest_size=12).hexdigest()
    return PlanDrawing(media_type=media_type, content=content, digest=digest, width=width, height=height, places=places)


def places_of(text: str, *, spaces: Collection[str], width: float, height: float) -> dict[str, Point]:
    """The middles of spaces in a CSV file with the columns space, x and y. Raises `Unreadable`."""
    header = text.partition("\n")[0]
    delimiter = next((one for one in DELIMITERS if one in header), ",")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    if rows.fieldnames is None or {one.strip().lower() for one in rows.fieldnames} != set(_COLUMNS):
        raise Unreadable(f"the first line of the places must be {','.join(_COLUMNS)}")
    rows.fieldnames = [one.strip().lower() for one in rows.fieldnames]
    places: dict[str, Point] = {}
    for row in rows:
        name = (row["space"] or "").strip()
        if name not in spaces:
            raise Unreadable(f"line {rows.line_num}: the zone has no space {name!r}")
        try:
            x, y = (float((row[axis] or "").strip()) for axis in ("x", "y"))
        except ValueError:
            raise Unreadable(f"line {rows.line_num}: x and y must be numbers") from None
        if not (0 <= x <= width and 0 <= y <= height):
            raise Unreadable(
                f"line {rows.line_num}: {x:g}, {y:g} lies outside of the plan, which is {width:g} by {height:g}"
            )
        places[name] = (x, y)
    return places


def _svg(content: bytes) -> Element:
    what = "the file is neither SVG nor PNG, JPEG or WebP"
    if _ENTITY in content:  # a few of them could fill the memory
        raise Unreadable("the drawing defines entities: save it as plain SVG")
    try:
        root = fromstring(content)  # noqa: S314 - as above
    except (ParseError, ValueError):  # the second for an unknown encoding
        raise Unreadable(what) from None
    if root.tag not in ("svg", "{http://www.w3.org/2000/svg}svg"):
        raise Unreadable(what)
    return root


def _view(root: Element) -> tuple[float, float, float, float]:
    try:
        if box := root.get("viewBox"):
            left, top, width, height = (float(one) for one in box.replace(",", " ").split())
            return left, top, width, height
        width, height = (float(root.get(name, "").removesuffix("px")) for name in ("width", "height"))
    except ValueError:
        raise Unreadable("the drawing needs a viewBox of four numbers, or width and height in pixels") from None
    return 0.0, 0.0, width, height


def _size_of_picture(content: bytes) -> tuple[str, int, int] | None:
    try:
        if content.startswith(_PNG):
            return "image/png", *struct.unpack_from(">II", content, 16)
        if content.startswith(b"\xff\xd8"):
            return "image/jpeg", *_size_of_jpeg(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return "image/webp", *_size_of_webp(content)
    except (struct.error, IndexError):
        raise Unreadable("the picture is damaged") from None
    return None


def _size_of_jpeg(content: bytes) -> tuple[int, int]:
    at = 2
    while True:
        start, kind, length = struct.unpack_from(">BBH", content, at)
        if start != 0xFF:  # noqa: PLR2004 - begins every segment
            raise IndexError
        if kind in _FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        at += 2 + length


def _size_of_webp(content: bytes) -> tuple[int, int]:
    match content[12:16]:
        case b"VP8X":
            return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", content, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:
            width, height = struct.unpack_from("<HH", content, 26)
            return width & 0x3FFF, height & 0x3FFF
