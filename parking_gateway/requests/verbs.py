"""The verbs: each is one asynchronous function with a name and the struct of its parameters."""

import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final, TypeVar

import msgspec

from parking_gateway.requests.desk import Answer, Desk, Refusal

Asked = TypeVar("Asked", bound=msgspec.Struct)
Work = Callable[[Desk, Asked], Awaitable[Answer | Refusal]]


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """A verb that can be requested."""

    name: str
    """As in the topic, such as `space/maintenance`."""
    asked: type[msgspec.Struct]
    """The parameters."""
    work: Work[Any]
    """Works in the transaction of the desk and does not commit. Its docstring describes the verb to the requester."""


_VERBS: Final[dict[str, Verb]] = {}


def verb(name: str, asked: type[Asked]) -> Callable[[Work[Asked]], Work[Asked]]:
    """Register the function as the verb of this name."""

    def register(work: Work[Asked]) -> Work[Asked]:
        _VERBS[name] = Verb(name=name, asked=asked, work=work)
        return work

    return register


@cache
def verbs() -> Mapping[str, Verb]:
    """All verbs by name. Every module of this folder is imported for them."""
    package = __package__
    for module in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{module.name}")
    return dict(sorted(_VERBS.items()))
