"""The retained tree: the topics of one kind of row, and the names in a topic."""

from collections.abc import Mapping
from typing import Final

import msgspec

from parking_gateway.core.due import DueKind

Names = tuple[str, ...]
"""Of a row, as they stand in its topic: site, zone and space, or the DevEUI."""

_LEVELS: Final[Mapping[DueKind, tuple[str, int]]] = {
    DueKind.SITE: ("sites", 1),
    DueKind.ZONE: ("zones", 2),
    DueKind.SPACE: ("spaces", 3),
    DueKind.DEVICE: ("devices", 1),
}
"""The first level below the root, and how many names follow it."""


class _Versioned(msgspec.Struct, frozen=True, gc=False):
    version: int = 0


def version_of(payload: bytes) -> int:
    """The version in the payload of a space; 0 if there is none."""
    try:
        return msgspec.json.decode(payload, type=_Versioned).version
    except msgspec.MsgspecError:
        return 0


def filter_of(root: str, kind: DueKind) -> str:
    """The filter of all topics of a kind."""
    level, names = _LEVELS[kind]
    return "/".join([root, level, *"+" * names])


def topic_of(root: str, kind: DueKind, names: Names) -> str:
    """The topic of a row with these names."""
    return "/".join([root, _LEVELS[kind][0], *names])


def names_of(root: str, kind: DueKind, topic: str) -> Names | None:
    """The names in a topic; None: it is no topic of this kind."""
    level, count = _LEVELS[kind]
    beginning = f"{root}/{level}/"
    names = tuple(topic.removeprefix(beginning).split("/"))
    return names if topic.startswith(beginning) and len(names) == count else None
