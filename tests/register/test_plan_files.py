"""Floor plans: their kinds, their sizes, and where spaces are on them."""

import base64
import struct
from typing import Final

import pytest

from parking_gateway.register.plan_files import LARGEST, Unreadable, places_of, read

SPACES = ["A-1", "A-2", "A-3", "A-4", "A-5", "A-6", "A-7", "A-8"]
SVG: Final = b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" viewBox="-10 0 200 100">
  <!-- a comment -->
  <rect id="wall" x="0" y="0" width="180" height="100"/>
  <rect id="A-1" x="10" y="10" width="20" height="40"/>
  <g transform="translate(100, 10)"><circle data-space="A-2" id="c7" cx="5" cy="6" r="3"/></g>
  <g transform="scale(2) translate(10)"><rect inkscape:label="A-3" id="rect88" x="0" y="10" width="10" height="10"/></g>
  <g id="A-4"><path d="M 60,20 h 20 v 30 h -20 z"/><text x="70" y="35">A-4</text></g>
  <rect id="A-5" x="0" y="0" width="10" height="20" transform="rotate(90 50 50)"/>
  <polygon id="A-6" points="100,60 120,60 120,90 100,90"/>
  <path id="A-7" d="m 140 60 l 10 0 0 20 -10 0 z"/>
</svg>"""
PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAEUlEQVR4nGP8z8DwHwYYGBgAHAgDAYL/XxQAAAAASUVORK5CYII="
)


def test_a_drawing_places_the_spaces_that_it_names() -> None:
    plan = read(SVG, spaces=SPACES)
    assert (plan.media_type, plan.width, plan.height) == ("image/svg+xml", 200, 100)
    assert {name: (round(x, 6), round(y, 6)) for name, (x, y) in plan.places.items()} == {
        "A-1": (30, 30),
        "A-2": (115, 16),
        "A-3": (40, 30),
        "A-4": (80, 35),
        "A-5": (100, 5),
        "A-6": (120, 75),
        "A-7": (155, 70),
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PNG, ("image/png", 2, 1)),
        (
            b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08" + struct.pack(">HH", 300, 400) + bytes(20),
            ("image/jpeg", 400, 300),
        ),
        (b"RIFF____WEBPVP8X" + bytes(8) + b"\x8f\x01\x00" + b"\x2b\x01\x00", ("image/webp", 400, 300)),
    ],
)
def test_a_picture_has_its_size(content: bytes, expected: tuple[str, float, float]) -> None:
    plan = read(content, spaces=SPACES)
    assert (plan.media_type, plan.width, plan.height) == expected
    assert plan.places == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"%PDF-1.7", "neither SVG nor PNG"),
        (b"<html></html>", "neither SVG nor PNG"),
        (b"<svg/>", "needs a viewBox"),
        (b'<svg viewBox="0 0 0 10"/>', "no size"),
        (b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg viewBox="0 0 1 1"/>', "entities"),
        (PNG[:18], "damaged"),
        (b"\xff\xd8\xff\xe0\x00\x04ab", "damaged"),
        (b"x" * (LARGEST + 1), "make it smaller"),
    ],
)
def test_another_file_is_refused_with_a_sentence(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(content, spaces=SPACES)


def test_a_csv_file_places_spaces_too() -> None:
    assert places_of("space;x;y\nA-1;10;20.5\nA-2;0;0\n", spaces=SPACES, width=20, height=30) == {
        "A-1": (10, 20.5),
        "A-2": (0, 0),
    }
    for text, why in (
        ("name,x,y\n", "first line"),
        ("space,x,y\nZ-9,1,1\n", "line 2: the zone has no space 'Z-9'"),
        ("space,x,y\nA-1,1,\n", "line 2: x and y must be numbers"),
        ("space,x,y\nA-1,21,0\n", "line 2: 21, 0 lies outside"),
    ):
        with pytest.raises(Unreadable, match=why):
            places_of(text, spaces=SPACES, width=20, height=30)
