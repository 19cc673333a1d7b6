"""What a person changes in a guess: `occupancy = { path = "…", … }` as in the declaration, and `85 = 4-12` for sizes."""

import difflib
from collections.abc import Mapping, Sequence

import msgspec

from parking_gateway.decoding.declared.declaration import FieldSource, FieldSources, meanings, sizes_of
from parking_gateway.decoding.importing.published import NotUsable

NOTHING = "none"
"""In the place of a source: the field is left out."""


def field_of(text: str) -> tuple[str, FieldSource | None]:
    """Return the field and its source that a line of TOML declares; None leaves the field out. Raises `NotUsable`."""
    field, equals, source = (part.strip() for part in text.partition("="))
    known = FieldSources.__struct_fields__
    if not equals or field not in known:
        near = difflib.get_close_matches(field, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(known)}"
        raise NotUsable(
            f"{text!r} declares no field of a reading: {hint} Write it as in a declaration: FIELD = {{ path = … }}"
        )
    if source.strip("\"'") == NOTHING:
        return field, None
    try:
        sources = msgspec.toml.decode(f"{field} = {source}", type=FieldSources)
        found = sources.by_field()[field]
        meanings(found)
    except ValueError as error:
        raise NotUsable(f"{text!r} is no source of {field}: {error}") from None
    return field, found


def with_fields(sources: Mapping[str, FieldSource], texts: Sequence[str]) -> dict[str, FieldSource]:
    """Return the sources with these changes. Raises `NotUsable`."""
    changed: dict[str, FieldSource | None] = {**sources, **dict(map(field_of, texts))}
    return {field: source for field, source in changed.items() if source is not None}


def with_sizes(sizes: Mapping[int, frozenset[int]], texts: Sequence[str]) -> dict[int, frozenset[int]]:
    """Return the sizes with these, such as `85=4,6-12`, in the place of those of their ports. Raises `NotUsable`."""
    changed = dict(sizes)
    for text in texts:
        port, equals, given = (part.strip() for part in text.partition("="))
        try:
            changed |= sizes_of({port: tuple(size.strip() for size in given.split(",")) if equals else ("",)})
        except ValueError as error:
            raise NotUsable(f"{text!r} gives no sizes of payloads: {error}. For example 85=4,6-12") from None
    return changed
