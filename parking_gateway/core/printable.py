"""Text from outside (names, topics, details, error messages), made safe for a terminal and a log. Pure.

A terminal obeys escape codes, and a log is read by lines. So all text for a person passes through this module.
"""

import json
import unicodedata
from typing import Final

_DELETE: Final = b"\x7f"
_HARMLESS: Final = "Zs"
"""Spaces of any width. All other separators and invisible characters are written as escapes."""


def printable(text: str) -> str:
    r"""The text with control characters, line breaks and marks of direction as escapes: `\x1b`, `\n`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or unicodedata.category(char) == _HARMLESS else _escape(char) for char in text
    )


def printable_json(document: bytes) -> bytes:
    """The JSON with the unprintable characters of its strings as JSON's own escapes, so its meaning is the same.

    JSON itself escapes only what is below U+0020; a terminal also obeys U+009B. The usual document is ASCII, and then
    this takes microseconds for a line about a thousand uplinks.
    """
    if document.isascii() and _DELETE not in document:
        return document
    text = document.decode()
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text).encode()


def shortened(text: str, most: int) -> str:
    """The text if it has at most `most` characters, else its beginning, its end, and the number of characters between them."""
    if len(text) <= most:
        return text
    end = most // 4
    start = most - end
    return f"{text[:start]}[… {len(text) - most} characters …]{text[-end:]}"


def in_one_line(error: BaseException | None) -> str:
    """The message of an exception without line breaks; its class if it has no message."""
    return " ".join(str(error).split()) or type(error).__name__


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()
