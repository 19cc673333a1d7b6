"""The kinds of values in a configuration. Each kind is defined here once, with its limits.

A refusal continues a sentence that begins with the key: "mqtt.keepalive must be a number of seconds". It does not repeat
the value, which may be a secret; only paths are repeated.
"""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    InstanceOf,
    PlainSerializer,
    SecretStr,
    StringConstraints,
)

from parking_gateway.process.config import database_url
from parking_gateway.process.config.hosts import HIGHEST_PORT, is_host

_LONGEST_TEXT = 65535
LONGEST_NAME = 1000
"""Characters. A topic consists of several names and has at most 65,535 bytes in MQTT."""
_YEAR = 31_536_000


class Section(BaseModel):
    """A table of the configuration. It is immutable and refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        coerce_numbers_to_str=True,
        ser_json_timedelta="float",
    )


def seconds(*, at_least: float = 0.001, at_most: float = _YEAR) -> BeforeValidator:
    """A duration that is written as a number of seconds."""
    refusal = f"must be a number of seconds from {at_least:g} to {at_most:.0f}"

    def read(value: object) -> timedelta:
        try:
            duration = value if isinstance(value, timedelta) else timedelta(seconds=float(str(value)))
        except (ValueError, OverflowError):
            raise ValueError(refusal) from None
        if not at_least <= duration.total_seconds() <= at_most:
            raise ValueError(refusal)
        return duration

    return BeforeValidator(read)


def from_json(example: str) -> BeforeValidator:
    """A table or a list, which is JSON in the environment and on the command line."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError(f"must be JSON where it is not TOML, such as {example}") from None

    return BeforeValidator(read)


def not_shorter(longest: timedelta, shortest: timedelta | None, *, than: str) -> timedelta:
    """The longest wait, unless it is shorter than the shortest. None: the shortest has a mistake of its own."""
    if shortest is not None and longest < shortest:
        raise ValueError(f"must not be shorter than {than}")
    return longest


def empty_is_unset(value: object) -> object:
    """None for an empty text, because TOML has no null."""
    return None if value == "" else value


def _not_yes_or_no(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 - pydantic takes no TypeError
    return value


def carriable(text: str) -> str:
    """The text, if MQTT and PostgreSQL accept it as a name. Raises `ValueError`."""
    if not text.isprintable() or len(text.encode()) > _LONGEST_TEXT:
        raise ValueError(f"must be printable characters, at most {_LONGEST_TEXT} bytes of them")
    return text


def _encodable(secret: SecretStr) -> SecretStr:
    try:
        length = len(secret.get_secret_value().encode())
    except UnicodeEncodeError:
        raise ValueError("must be UTF-8 text") from None
    if length > _LONGEST_TEXT:
        raise ValueError(f"must be at most {_LONGEST_TEXT} bytes long")
    return secret


Seconds = Annotated[timedelta, seconds()]
ServerSeconds = Annotated[timedelta, seconds(at_most=2_000_000)]
"""PostgreSQL counts milliseconds in 31 bits."""
WholeNumber = Annotated[int, BeforeValidator(_not_yes_or_no)]
Text = Annotated[str, AfterValidator(carriable)]
NonEmpty = Annotated[str, StringConstraints(min_length=1), AfterValidator(carriable)]
OptionalText = Annotated[Text | None, BeforeValidator(empty_is_unset)]
OptionalSecret = Annotated[Annotated[SecretStr, AfterValidator(_encodable)] | None, BeforeValidator(empty_is_unset)]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


LogLevel = Annotated[Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)]


# Addresses


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """The address at which a server listens. With port 0 the system chooses one."""

    host: str
    port: int

    def __str__(self) -> str:
        """As it is written: `127.0.0.1:9464`, `[::1]:9464`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: object) -> object:
    if value == "" or value is None or isinstance(value, ListenAddress):
        return value or None
    found = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]]+)):(?P<port>\d{1,5})", str(value))
    if found is None or int(found["port"]) > HIGHEST_PORT or not is_host(found["v6"] or found["host"]):
        raise ValueError('must be a host and a port, such as "127.0.0.1:9464" or "[::1]:9464", or "" for none')
    return ListenAddress(found["v6"] or found["host"], int(found["port"]))


def _text_of_address(address: ListenAddress | None) -> str:
    return "" if address is None else str(address)


Listen = Annotated[InstanceOf[ListenAddress] | None, BeforeValidator(_address), PlainSerializer(_text_of_address)]


def _database_url(url: SecretStr) -> SecretStr:
    return SecretStr(database_url.accepted(url.get_secret_value()))


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]


# Topics


def _topic_filter(text: str) -> str:
    levels = text.split("/")
    if levels[-1] != "+":
        raise ValueError('must end in "/+", the level that names the event')
    if any("#" in level or ("+" in level and level != "+") for level in levels):
        raise ValueError('must have "+" only as a whole level, and "#" nowhere')
    if text.startswith("$share/"):
        raise ValueError("must be without $share, which mqtt.shared_group adds")
    if not text.isprintable() or len(text.encode()) > LONGEST_NAME:
        raise ValueError(f"must be a topic filter of printable characters, at most {LONGEST_NAME} bytes of them")
    return text


def could_receive(topic_filter: str, *, root: str) -> bool:
    """Whether a subscription to the filter can receive messages two or more levels below the root."""
    asked, own = topic_filter.split("/"), root.split("/")
    return len(asked) >= len(own) + 2 and all(level in ("+", name) for level, name in zip(asked, own, strict=False))


def overlap(one: str, other: str) -> bool:
    """Whether two topic filters without "#" can receive the same message."""
    pairs = list(zip(one.split("/"), other.split("/"), strict=False))
    return one.count("/") == other.count("/") and all(a == b or "+" in (a, b) for a, b in pairs)


def is_within(root: str, other: str) -> bool:
    """Whether a root is the other one, or below it."""
    return f"{root}/".startswith(f"{other}/")


def command_topic_of(topic_filter: str) -> str | None:
    """ChirpStack's topic of downlinks beside these events, with {application} and {device} in it.

    None: the filter does not show the places of both, as with a "+" in front of `application`.
    """
    *levels, _event, _name = topic_filter.split("/")
    if levels.count("+") != len(("application", "device")):
        return None
    names = iter(("{application}", "{device}"))
    return "/".join([*(next(names) if level == "+" else level for level in levels), "command", "down"])


TopicFilter = Annotated[str, AfterValidator(_topic_filter)]


def _group(value: object) -> object:
    if isinstance(value, str) and re.search(r"[/+#]", value):
        raise ValueError('must be without "/", "+" and "#"')
    return empty_is_unset(value)


OptionalGroup = Annotated[
    Annotated[str, StringConstraints(max_length=LONGEST_NAME), AfterValidator(carriable)] | None,
    BeforeValidator(_group),
]


def _topic_root(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_-]+(/[a-z0-9_-]+)*", text):
        raise ValueError('must be levels of lower-case letters, digits, "-" and "_", with "/" between them')
    if len(text) > LONGEST_NAME:
        raise ValueError(f"must be at most {LONGEST_NAME} characters long")
    return text


TopicRoot = Annotated[str, AfterValidator(_topic_root)]
