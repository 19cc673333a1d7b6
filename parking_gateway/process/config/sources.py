"""The configuration from its layers, with the origin of every value.

Each mistake becomes one sentence with its place, its fault and the remedy.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from parking_gateway.process.config import certificates
from parking_gateway.process.config.layers import (
    ConfigError,
    Layer,
    layers,
    layers_of_another,
    merged,
    unknown_variables,
    variable,
)
from parking_gateway.process.config.machine import without_time_zones
from parking_gateway.process.config.sections import KEYS, Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration, and the origin of each `section.key`."""

    config: Config
    origins: dict[str, str]

    def sentence(self, key: str, what: str) -> str:
        """A mistake in a `section.key` as a sentence, which begins with the origin of the value."""
        return f"{self.origins[key]}: {key} {what}."


def load(file: Path | None = None, *, overrides: Mapping[str, Any] | None = None) -> Config:
    """The effective configuration. `overrides` are sections from the command line, such as `{"mqtt": {"url": …}}`.

    Raises `ConfigError` with every mistake that was found.
    """
    return load_with_origins(file, overrides=overrides).config


def load_with_origins(file: Path | None = None, *, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """The same as `load`, with the origin of every value. Raises `ConfigError`."""
    return _checked(list(layers(file, overrides or {})), [_unknown(name) for name in unknown_variables()])


def load_of_another(file: Path | None, *, secrets: Path, overrides: Mapping[str, Any]) -> Config:
    """The configuration of another gateway: of its file and its folder of secrets, without our environment.

    `overrides` are what its unit sets. Without a file they are all. Raises `ConfigError`.
    """
    return _checked(list(layers_of_another(file, secrets, overrides)), []).config


def _checked(written: Sequence[Layer], mistakes: list[str]) -> Loaded:
    mistakes = [*mistakes, *without_time_zones()]
    try:
        config = merged(written)
    except ValidationError as error:
        mistakes += [_sentence(details, written) for details in error.errors(include_url=False, include_input=False)]
        raise ConfigError(mistakes) from None
    loaded = Loaded(config=config, origins={".".join(key): _origin_of_value(key, written, config) for key in KEYS})
    mistakes += [loaded.sentence(key, what) for key, what in certificates.unusable_files(config.mqtt)]
    if mistakes:
        raise ConfigError(mistakes)
    return loaded


def _origin(key: Sequence[str], of: Iterable[Layer]) -> str | None:
    return next((layer.place(key) for layer in of if layer.holds(key)), None)


def _origin_of_value(key: tuple[str, str], of: Sequence[Layer], config: Config) -> str:
    if origin := _origin(key, of):
        return origin
    is_of_url = key in (("mqtt", "username"), ("mqtt", "password")) and getattr(config.mqtt, key[1]) is not None
    return "mqtt.url" if is_of_url else "default"


# Mistakes


def _unknown(name: str) -> str:
    known = [variable(key) for key in KEYS]
    return f"{name} is no known variable; the nearest is {_nearest(name.upper(), known)}."


def _sentence(details: ErrorDetails, of: Sequence[Layer]) -> str:
    path = tuple(str(level) for level in details["loc"])
    # The place of a missing codec is that of its profile. A default has no place, even where its section is written.
    written = (path[:depth] for depth in range(len(path), min(len(path), 2) - 1, -1))
    place = next((origin for key in written if (origin := _origin(key, of))), None)
    what = f"{'.'.join(path)} {_predicate(details, path)}."
    return what if place is None else f"{place}: {what}"


_PREDICATES: Final = {
    "missing": "is missing",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "path_type": "must be text",
    "url_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_too_short": "must not be empty",
    "string_unicode": "must be UTF-8 text",
}
"""Our words for mistakes that pydantic describes in terms of Python."""


def _predicate(details: ErrorDetails, path: tuple[str, ...]) -> str:
    if details["type"] == "extra_forbidden":
        return f"is no known key; the nearest is {_nearest('.'.join(path), _known(path))}"
    predicate = re.sub(r"^(\w+|URL scheme) should ", "must ", details["msg"].removeprefix("Value error, "))
    return _PREDICATES.get(details["type"], predicate)


def _known(path: tuple[str, ...]) -> list[str]:
    keys = [".".join(key) for key in KEYS]
    if path[:2] == ("decoders", "profiles"):
        return [".".join((*path[:-1], name)) for name in ("codec", "options")]
    return [*Config.model_fields, *keys] if len(path) == 1 else keys


def _nearest(name: str, known: Sequence[str]) -> str:
    return difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
