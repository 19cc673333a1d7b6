"""Reads YAML as version 1.2 has it, in which `on` and `yes` are texts. Nothing but plain values is ever made of it.

PyYAML follows version 1.1: `on` is true there, `12:30` is 750 and `2023-01-01` is a date. The repositories are checked with
programs that follow version 1.2.
"""

import re
from typing import Any, Final

try:
    from yaml import CSafeLoader as _Safe
    from yaml import YAMLError
except ImportError:  # the library was built without its part in C
    from yaml import SafeLoader as _Safe  # type: ignore[assignment]
    from yaml import YAMLError

LARGEST: Final = 16 * 1024 * 1024
"""Characters."""
_DEEPEST: Final = 200
"""Lists and objects within each other. The library's part in C crashes at some ten thousand."""
_MOST_VALUES: Final = 1_000_000
"""Values of a document whose aliases are replaced: an alias of an alias of an alias is a bomb, a few lines become gigabytes."""

_BRACKET: Final = re.compile(r"[\[\]{}]")
_DEEP_LINE: Final = re.compile(rf"^[ \t?:-]{{{_DEEPEST},}}", re.MULTILINE)


class WrongYaml(ValueError):  # noqa: N818 - the word for it
    """The text is no YAML."""


class _Core(_Safe):
    """The plain values of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the library's own name and type


_Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+|0b[01]+)$"), list("-+0123456789")
)
_Core.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)
_Core.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


def _int(loader: Any, node: Any) -> int:
    text = loader.construct_scalar(node)
    prefixed = re.fullmatch(r"0([xob])(.+)", text)
    return int(prefixed[2], {"x": 16, "o": 8, "b": 2}[prefixed[1]]) if prefixed else int(text)


def _float(loader: Any, node: Any) -> float:
    text = loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan")
    return float(text)


_Core.add_constructor("tag:yaml.org,2002:int", _int)
_Core.add_constructor("tag:yaml.org,2002:float", _float)


def read(text: str) -> Any:
    """Return the value of a YAML document, which may be JSON. Raises `WrongYaml`."""
    if len(text) > LARGEST:
        raise WrongYaml(f"it has {len(text):,} characters, at most {LARGEST:,} are read")
    if is_deep(text):
        raise WrongYaml(f"its lists and objects are more than {_DEEPEST} deep")
    loader = _Core(text)
    try:
        value = loader.get_single_data()
    except (YAMLError, ValueError, RecursionError) as error:
        raise WrongYaml(" ".join(str(error).split())[:300]) from None
    finally:
        loader.dispose()
    if "*" in text and _count(value, {}) > _MOST_VALUES:
        raise WrongYaml("its aliases become too many values")
    return value


def is_deep(text: str) -> bool:
    """Return whether a document can be too deep. Brackets within texts count too, which is harmless."""
    if _DEEP_LINE.search(text):
        return True
    depth = 0
    for bracket in _BRACKET.findall(text):
        depth = max(0, depth + (1 if bracket in "[{" else -1))
        if depth > _DEEPEST:
            return True
    return False


def _count(value: Any, known: dict[int, int]) -> int:
    """Return the number of values in a value, each alias counted as often as it is used. A value within itself is endless."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = _MOST_VALUES + 1  # until it is counted: what meets itself is endless
        members = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_count(member, known) for member in members)
    return known[id(value)]
