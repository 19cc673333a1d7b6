"""Values of files that others wrote, as the shapes that are expected of them. Anything else is empty."""

from collections.abc import Iterable, Mapping
from typing import Any


def members(value: Any) -> Mapping[str, Any]:
    """Return an object; an empty one for anything else."""
    return {str(key): member for key, member in value.items()} if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list."""
    return [members(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: Mapping[str, Any], key: str) -> str | None:
    """Return the text of a member, on one line; None for an empty one and for anything else."""
    text = value.get(key)
    return " ".join(text.split()) or None if isinstance(text, str) else None


def words_of(values: Iterable[Any]) -> str:
    """Return all texts, in small letters and on one line."""
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    return " ".join(str(text).lower() for text in texts if text)
