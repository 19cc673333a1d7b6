"""The texts that an import writes: the declaration and the vectors, both in TOML."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from decoders.conformance import NOON, Vector
from parking_gateway.decoding.declared.declaration import FieldSource, Imported


def declaration(
    *,
    vendor: str,
    model: str,
    imported: Imported,
    sizes: Mapping[int, frozenset[int]],
    sources: Mapping[str, FieldSource],
) -> str:
    """Return the declaration of an imported script."""
    lines = [
        "# Written by `parking-gateway codecs import`. What the lines mean: docs/how-to/javascript.md",
        f"vendor = {_text(vendor)}",
        f"model = {_text(model)}",
        "",
        "[imported]",
        *(f"{key} = {_text(value)}" for key, value in msgspec.structs.asdict(imported).items()),
        "",
        "[ports]",
        *(f"{port} = {json.dumps(_ranges(found))}" for port, found in sorted(sizes.items())),
        "",
        "[reading]",
        *(f"{field} = {inline(source)}" for field, source in sources.items()),
    ]
    return "\n".join(lines) + "\n"


def inline(source: FieldSource) -> str:
    """Return the source of a field as TOML on one line, without what is the default."""
    fields = msgspec.structs.fields(source)
    given = {one.name: getattr(source, one.name) for one in fields if getattr(source, one.name) != _default(one)}
    first = {"path": given.pop("path")}
    return f"{{ {', '.join(f'{key} = {_value(value)}' for key, value in (first | given).items())} }}"


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def vectors(found: Sequence[Vector], *, silent: str | None) -> str:
    """Return a file of vectors, in the form of `decoders.conformance`."""
    lines = [] if silent is None else [f"silent = {_text(silent)}", ""]
    for vector in found:
        lines += ["[[vector]]", *_vector(vector), ""]
    return "\n".join(lines)


def _vector(vector: Vector) -> Iterator[str]:
    yield f"name = {_text(vector.name)}"
    yield f"source = {_text(vector.source)}"
    yield f"port = {vector.port}"
    yield f"payload = {_text(vector.payload)}"
    if vector.received_at != NOON:
        yield f"received_at = {vector.received_at.isoformat()}"
    if vector.short_ok:
        yield f"short_ok = {json.dumps(list(vector.short_ok))}"
    if vector.undecodable:
        yield "undecodable = true"
    else:
        members = ", ".join(f"{key} = {_value(value)}" for key, value in (vector.reading or {}).items())
        yield f"reading = {{ {members} }}" if members else "reading = {}"


def _ranges(sizes: frozenset[int]) -> list[int | str]:
    """Return sizes as a declaration has them: `[2, "4-9"]`."""
    runs: list[list[int]] = []
    for size in sorted(sizes):
        if runs and runs[-1][-1] == size - 1:
            runs[-1].append(size)
        else:
            runs.append([size])
    return [run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)


def _text(text: str) -> str:
    """Return a text as TOML has it. JSON's form is the same, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
