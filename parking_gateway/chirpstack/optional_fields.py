"""Reads a refused event again, without the wrong values of its optional fields.

Identity, time, counter, port and payload of an uplink are essential. All other fields are optional: a name, a tag, the
signal, the `object` from ChirpStack's own codec. A wrong value of an optional field is dropped, and the uplink is kept.
"""

import json
import math
import re
from functools import cache
from typing import Any, Final, get_args, get_origin

import msgspec

_ESSENTIAL: Final = frozenset({"fCnt", "fPort", "data"})
"""Essential fields with a default. Fields without a default are essential too."""
_LONGEST_WHOLE: Final = 308
"""Digits of the largest float."""
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL, but not `\\\\u0000`, which is an escaped backslash and text."""


def without_nul(json_text: bytes) -> bytes:
    """Remove escaped NULs from JSON, because PostgreSQL does not store them. JSON without a backslash is not searched."""
    return _NUL.sub(rb"\1", json_text) if b"\\" in json_text else json_text


def lenient(payload: bytes) -> Any:
    """Read nearly valid JSON. NaN and infinities become null; lone surrogates and bytes outside UTF-8 are replaced.

    Raises `ValueError` for other invalid JSON, `RecursionError` for JSON that is nested too deeply.
    """
    text = payload.decode(errors="replace")
    values = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_nothing, strict=False)
    # Written and read once more, because a loop over the values in Python takes 50 ms for 262 kB, and this takes 15.
    return msgspec.json.decode(without_nul(json.dumps(values, ensure_ascii=False).encode(errors="replace")))


def without_wrong_fields(values: Any, struct: Any) -> Any:
    """Drop the values of an event, or of a struct within it, that do not fit their fields.

    A wrong value becomes None if the field can be None. Otherwise the field is left out and gets its default. Wrong values
    of essential fields stay, so the conversion to the struct refuses them.
    """
    if not isinstance(values, dict):
        return values
    kept: dict[str, Any] = {}
    for name, kind, is_essential in _fields(struct):
        if name in values:
            value = _within(values[name], kind)
            if is_essential or _is(value, kind):
                kept[name] = value
            elif _is(None, kind):
                kept[name] = None
    return kept


def _within(value: Any, kind: Any) -> Any:
    """Drop wrong values within a field: in a struct, in a list of structs, in a table of text."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return without_wrong_fields(value, kind)
    match get_origin(kind), value:
        case _, list() if get_origin(kind) is list:
            (item,) = get_args(kind)
            parts = (_within(one, item) for one in value)
            return [part for part in parts if _is(part, item)]
        case _, dict() if get_origin(kind) is dict:
            _, item = get_args(kind)
            return {name: part for name, part in value.items() if _is(part, item)}
    return value


def _is(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


@cache
def _fields(struct: Any) -> tuple[tuple[str, Any, bool], ...]:
    fields = msgspec.structs.fields(struct)
    return tuple((field.encode_name, field.type, field.required or field.encode_name in _ESSENTIAL) for field in fields)


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= _LONGEST_WHOLE else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _nothing(_constant: str) -> None:
    """Replace NaN and the infinities by null, as ChirpStack's own JSON does."""
