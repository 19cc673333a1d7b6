"""The topics that a gateway publishes in a test, held against the AsyncAPI document."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

DOCUMENT: Final[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "schemas" / "asyncapi.json").read_text())
_RECEIVED: Final = re.compile(r"Received PUBLISH from parking-gateway\S* \(d\d, q(\d), r(\d), m\d+, '(.*)', \.\.\. \(")
"""A line of Mosquitto's log about a message of a gateway: QoS, retain and topic."""


class Published(NamedTuple):
    """A message of a gateway."""

    topic: str
    qos: int
    retain: bool


def published(log: str) -> set[Published]:
    """The messages of gateways in a log of Mosquitto with `log_type all`."""
    return {Published(topic, int(qos), retain == "1") for qos, retain, topic in _RECEIVED.findall(log)}


def channel_of(message: Published) -> str | None:
    """The channel of a message, by its topic, QoS and retain flag. None: the document has none."""
    return next(
        (name for name, wanted, pattern in _sent() if wanted == message[1:] and pattern.fullmatch(message.topic)), None
    )


@cache
def _sent() -> tuple[tuple[str, tuple[int, bool], re.Pattern[str]], ...]:
    return tuple(_operations())


def _operations() -> Iterator[tuple[str, tuple[int, bool], re.Pattern[str]]]:
    for operation in DOCUMENT["operations"].values():
        if operation["action"] == "send":
            name = operation["channel"]["$ref"].rpartition("/")[2]
            mqtt = operation["bindings"]["mqtt"]
            yield name, (mqtt["qos"], mqtt["retain"]), pattern_of(DOCUMENT["channels"][name]["address"])


def pattern_of(address: str) -> re.Pattern[str]:
    """A parameter is one level of the topic. A verb has several."""
    parts = re.split(r"\{(\w+)\}", address)
    return re.compile("".join(_level(part) if number % 2 else re.escape(part) for number, part in enumerate(parts)))


def _level(parameter: str) -> str:
    values = DOCUMENT["components"]["parameters"][parameter].get("enum")
    if values:
        return f"(?:{'|'.join(map(re.escape, values))})"
    return ".+" if parameter == "verb" else "[^/]+"
