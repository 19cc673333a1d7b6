"""The version of a codec: which code read a frame.

It is a checksum of the files that the codec is made of, so that it changes when, and only when, one of them changes. It is
the same under every version of Python, and in an archive as in a folder, because it is of the text and not of the compiled
code. A package of others has its own version.
"""

import functools
import hashlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

import decoders
from parking_gateway import __version__

CodecSource = str | Path | EntryPoint
"""The name of a module of `decoders`, a file of the drop-in folder, or an installed package."""

DIGITS: Final = 12
"""Hexadecimal digits of a checksum. Two different codecs have the same one once in 280,000,000,000,000."""
_IMPORT: Final = re.compile(r"^\s*(?:from|import)\s+decoders\b(.*)$", re.MULTILINE)


def version_of(source: CodecSource) -> str:
    """Return the version of a codec. Reads its files, and runs none of its code."""
    if isinstance(source, EntryPoint):
        return source.dist.version if source.dist is not None else "unknown"
    if isinstance(source, str):
        return _checksum_of_modules(source)
    if source.suffix == ".py":
        text = source.read_text(encoding="utf-8", errors="replace")
        return _checksum(text, *(_text(one) or "" for one in modules_of(text)))
    files = (source, source.with_suffix(".js"))
    return _checksum(*(one.read_text(encoding="utf-8", errors="replace") for one in files if one.is_file()))


@functools.cache
def _checksum_of_modules(name: str) -> str:
    text = _text(name)
    if text is None:  # a distribution without its sources
        return __version__
    return _checksum(text, *(_text(one) or "" for one in modules_of(text)))


def modules_of(text: str) -> list[str]:
    """Return the modules of `decoders` that a codec with this source imports, also through others, sorted."""
    found: set[str] = set()
    left = [text]
    while left:
        new = set(_imported(left.pop())) - found
        found |= new
        left += (_text(one) or "" for one in new)
    return sorted(found)


def _imported(text: str) -> Iterator[str]:
    for tail in _IMPORT.findall(text):
        yield from (f"decoders.{word}" for word in re.findall(r"\w+", tail) if word in _modules())


@functools.cache
def _modules() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(decoders.__path__))


@functools.cache
def _text(name: str) -> str | None:
    """Return the source of a module, with the line ends of Unix; None without one."""
    spec: ModuleSpec | None = importlib.util.find_spec(name)
    get_source = getattr(spec.loader, "get_source", None) if spec else None
    found: str | None = get_source(name) if get_source else None
    return found


def _checksum(*texts: str) -> str:
    digest = hashlib.sha256()
    for text in texts:
        part = text.encode("utf-8", errors="surrogatepass")
        digest.update(b"%d\n" % len(part) + part)
    return digest.hexdigest()[:DIGITS]
