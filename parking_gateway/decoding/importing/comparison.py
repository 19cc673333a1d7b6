"""The difference of two outputs, as JSON has them."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

_SHOWN: Final = 80
_EMPTY: Final = ("errors", "warnings")
"""Lists that mean the same whether they are empty or missing."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_PLACEHOLDERS: Final[Mapping[str, tuple[type, ...]]] = {"XXXX-XX-XXTXX:XX:XX.XXXZ": (str,), "SKIP_NUMBER": (int, float)}
"""What Actility's examples have in the place of a value that differs in each run."""


def differences(expected: Any, got: Any) -> list[str]:
    """Return a sentence for each difference of two outputs; nothing if they are the same."""
    return list(_differences(_plain(expected), _plain(got), "the output"))


def _plain(output: Any) -> Any:
    if not isinstance(output, Mapping):
        return output
    return {key: value for key, value in output.items() if not (key in _EMPTY and not value)}


def _differences(expected: Any, got: Any, path: str) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(got, Mapping):
        # A member without a value is null in some programs, and missing in others.
        for key in dict.fromkeys([*expected, *got]):
            at = str(key) if path == "the output" else f"{path}.{key}"
            if got.get(key) is None and expected.get(key) is None:
                continue
            if key not in got:
                yield f"{at} is missing, published is {_text(expected[key])}"
            elif key not in expected:
                yield f"{at} is {_text(got[key])}, and is not published"
            else:
                yield from _differences(expected[key], got[key], at)
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{path} has {len(got)} items, published are {len(expected)}"
        for number, (one, other) in enumerate(zip(expected, got, strict=False)):
            yield from _differences(one, other, f"{path}.{number}")
    elif not _same(expected, got):
        yield f"{path} is {_text(got)}, published is {_text(expected)}"


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, str) and expected in _PLACEHOLDERS:
        return isinstance(got, _PLACEHOLDERS[expected])
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, float) and not math.isfinite(expected):
        return got is None  # JSON has no other word for it
    if isinstance(expected, str) and isinstance(got, str):
        return expected == got or _is_same_time(expected, got)
    return bool(expected == got)


def _is_same_time(expected: str, got: str) -> bool:
    """Return whether two texts are the same moment. Some programs leave out the milliseconds."""
    if not (_TIME.fullmatch(expected) and _TIME.fullmatch(got)):
        return False
    try:
        return datetime.fromisoformat(expected) == datetime.fromisoformat(got)
    except ValueError:
        return False


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
