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
_MOST_ALIASES: Final = 1000
"""An alias of an alias of an alias is a bomb: a few lines that become gigabytes."""


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
    if len(re.findall(r"(?:^|[\s\[{,])\*[A-Za-z0-9_]", text)) > _MOST_ALIASES:
        raise WrongYaml(f"it has more than {_MOST_ALIASES} aliases")
    loader = _Core(text)
    try:
        return loader.get_single_data()
    except (YAMLError, ValueError, RecursionError) as error:
        raise WrongYaml(" ".join(str(error).split())[:300]) from None
    finally:
        loader.dispose()
