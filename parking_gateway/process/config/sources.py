"""The sources of a configuration, the strongest first: command line, environment, secrets, file.

Each mistake becomes one sentence with its place, its fault and the remedy.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsError,
)

from parking_gateway.process.config import certificates
from parking_gateway.process.config.sections import KEYS, Config

PREFIX: Final = "PARKING_GATEWAY_"
CONFIG_VARIABLE: Final = "PARKING_GATEWAY_CONFIG"
SECRETS_VARIABLE: Final = "PARKING_GATEWAY_SECRETS_DIRECTORY"

# Kubernetes sets these in every pod, for a service with the name parking-gateway.
_OF_KUBERNETES: Final = re.compile(r"PARKING_GATEWAY_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)")


class ConfigError(Exception):
    """The configuration has mistakes: one sentence for each."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration, and the origin of each `section.key`."""

    config: Config
    origins: dict[str, str]

    def sentence(self, key: str, what: str) -> str:
        """A mistake in a `section.key` as a sentence, which begins with the origin of the value."""
        return f"{self.origins[key]}: {key} {what}."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    source: PydanticBaseSettingsSource
    place: Callable[[Sequence[str]], str]
    """The place in this layer where a key is written, as a person calls it."""

    def holds(self, key: Sequence[str]) -> bool:
        found: Any = self.source()
        for name in key:
            if not isinstance(found, dict) or name not in found:
                return False
            found = found[name]
        return True


def load(file: Path | None = None, *, overrides: Mapping[str, Any] | None = None) -> Config:
    """The effective configuration. `overrides` are sections from the command line, such as `{"mqtt": {"url": …}}`.

    Raises `ConfigError` with every mistake that was found.
    """
    return load_with_origins(file, overrides=overrides).config


def load_with_origins(file: Path | None = None, *, overrides: Mapping[str, Any] | None = None) -> Loaded:
    """The same as `load`, with the origin of every value. Raises `ConfigError`."""
    layers = list(_layers(file, overrides or {}))
    mistakes = list(_unknown_variables())
    try:
        config = Config(_build_sources=(tuple(layer.source for layer in layers), {}))
    except ValidationError as error:
        mistakes += [_sentence(details, layers) for details in error.errors(include_url=False, include_input=False)]
        raise ConfigError(mistakes) from None
    loaded = Loaded(config=config, origins={".".join(key): _origin_of_value(key, layers, config) for key in KEYS})
    mistakes += [loaded.sentence(key, what) for key, what in certificates.unusable_files(config.mqtt)]
    if mistakes:
        raise ConfigError(mistakes)
    return loaded


# Layers, the strongest first


def _layers(file: Path | None, overrides: Mapping[str, Any]) -> Iterator[_Layer]:
    yield _Layer(source=InitSettingsSource(Config, dict(overrides)), place=lambda _: "command line")
    environment = EnvSettingsSource(Config, case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter="__")
    yield _Layer(source=environment, place=_variable)
    for variable in ("CREDENTIALS_DIRECTORY", SECRETS_VARIABLE):
        if directory := os.environ.get(variable):
            yield _secrets(directory, variable=variable)
    if file is not None:
        yield _Layer(source=InitSettingsSource(Config, _toml(file)), place=lambda _: str(file))


def _variable(key: Sequence[str]) -> str:
    return PREFIX + "__".join(key).upper()


def _secrets(directory: str, *, variable: str) -> _Layer:
    """A file for each secret, with a name such as `mqtt__password`. Files with other names are ignored."""
    try:
        source = NestedSecretsSettingsSource(
            SecretsSettingsSource(Config, directory),
            secrets_dir_missing="error",
            secrets_prefix="",
            secrets_nested_delimiter="__",
            case_sensitive=False,
        )
    except (OSError, UnicodeDecodeError, SettingsError) as error:
        raise ConfigError([f"{variable}: the secrets in {directory} cannot be read: {error}."]) from None
    return _Layer(source=source, place=lambda key: f"{directory}/{'__'.join(key)}")


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # editors on Windows write a byte order mark first
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        reason = "is not UTF-8 text"
    except RecursionError:
        reason = "is not TOML: it is nested too deeply"
    except ValueError as error:  # of tomllib, and of Python for a number with thousands of digits
        reason = f"is not TOML: {error}"
    raise ConfigError([f"{file}: the file {reason}."])


def _origin(key: Sequence[str], layers: Iterable[_Layer]) -> str | None:
    return next((layer.place(key) for layer in layers if layer.holds(key)), None)


def _origin_of_value(key: tuple[str, str], layers: Sequence[_Layer], config: Config) -> str:
    if origin := _origin(key, layers):
        return origin
    is_of_url = key in (("mqtt", "username"), ("mqtt", "password")) and getattr(config.mqtt, key[1]) is not None
    return "mqtt.url" if is_of_url else "default"


# Mistakes


def _unknown_variables() -> Iterator[str]:
    """Variables with our prefix that name no section. A variable that names a section is checked with its keys."""
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX) or name in (CONFIG_VARIABLE, SECRETS_VARIABLE):
            continue
        section = name[len(PREFIX) :].lower().split("__")[0]
        if section not in Config.model_fields and not _OF_KUBERNETES.fullmatch(name):
            known = [_variable(key) for key in KEYS]
            yield f"{name} is no known variable; the nearest is {_nearest(name.upper(), known)}."


def _sentence(details: ErrorDetails, layers: Sequence[_Layer]) -> str:
    path = tuple(str(level) for level in details["loc"])
    # The place of a missing codec is that of its profile. A default has no place, even where its section is written.
    written = (path[:depth] for depth in range(len(path), min(len(path), 2) - 1, -1))
    place = next((origin for key in written if (origin := _origin(key, layers))), None)
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
