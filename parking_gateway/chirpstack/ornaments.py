"""Reads an event again that was refused, without the wrong values among its ornaments.

Identity, time, counter, port and payload of an uplink have to be right. All the rest only accompanies them: a name, a tag, the
signal, the object that ChirpStack's codec has made. A wrong one is dropped and never costs the uplink.
"""

import json
import math
import re
from functools import cache
from typing import Any, Final, get_args, get_origin

import msgspec

_ESSENTIAL: Final = frozenset({"fCnt", "fPort", "data"})
"""Beside the fields without a default."""
_LONGEST_WHOLE: Final = 308
"""Digits, as many as the largest float has."""
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
"""An escaped NUL, but not `\\\\u0000`, which is a backslash and a word."""


def without_nul(json_text: bytes) -> bytes:
    """JSON without its NULs, which PostgreSQL does not store. Backslashes are rare enough for this to cost nothing."""
    return _NUL.sub(rb"\1", json_text) if b"\\" in json_text else json_text


def lenient(payload: bytes) -> Any:
    """Values of what is nearly JSON: NaN and infinities become null; halves of surrogates and bytes that are no UTF-8 are replaced.

    Raises `ValueError` for what is no JSON even so, `RecursionError` for what is nested too deeply.
    """
    text = payload.decode(errors="replace")
    said = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_nothing, strict=False)
    # Written and read once more, so that no value of it is looked at in Python: 262 kB take 15 ms, and else 50.
    return msgspec.json.decode(without_nul(json.dumps(said, ensure_ascii=False).encode(errors="replace")))


def without_wrong_ornaments(said: Any, event: Any) -> Any:
    """The values of an event, or of a struct within it, as far as they are what the fields of the struct may be.

    Where a field can be None, a wrong value becomes None; else the field is left out and gets its default. What is essential
    stays as it is, so that it is refused by whoever reads the result.
    """
    if not isinstance(said, dict):
        return said
    kept: dict[str, Any] = {}
    for name, kind, is_essential in _fields(event):
        if name in said:
            value = _within(said[name], kind)
            if is_essential or _is(value, kind):
                kept[name] = value
            elif _is(None, kind):
                kept[name] = None
    return kept


def _within(value: Any, kind: Any) -> Any:
    """The same for what is in a field: structs, lists of them, and tables of text lose what is wrong in them."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return without_wrong_ornaments(value, kind)
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
    """In the place of NaN and the infinities, as ChirpStack's own JSON shows them."""
