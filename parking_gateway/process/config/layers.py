"""The layers of a configuration, the strongest first: command line, environment, secrets, file."""

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic_settings import (
    EnvSettingsSource,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsError,
)

from parking_gateway.process.config.sections import Config

FILE: Final = Path("/etc/parking-gateway/config.toml")
"""Read where nobody names another one, if it exists."""
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


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The values of one source."""

    source: PydanticBaseSettingsSource
    place: Callable[[Sequence[str]], str]
    """The place in this layer where a key is written, as a person calls it."""

    @cached_property
    def table(self) -> dict[str, Any]:
        """What is written in it. To read the environment takes milliseconds."""
        return self.source()

    def holds(self, key: Sequence[str]) -> bool:
        """Whether the key, or a table of this name, is written here."""
        found: Any = self.table
        for name in key:
            if not isinstance(found, dict) or name not in found:
                return False
            found = found[name]
        return True


def layers(file: Path | None, overrides: Mapping[str, Any]) -> Iterator[Layer]:
    """All layers, the strongest first. Raises ConfigError for one that cannot be read."""
    yield Layer(source=InitSettingsSource(Config, dict(overrides)), place=lambda _: "command line")
    environment = EnvSettingsSource(Config, case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter="__")
    yield Layer(source=environment, place=variable)
    for name in ("CREDENTIALS_DIRECTORY", SECRETS_VARIABLE):
        if directory := os.environ.get(name):
            yield _secrets(directory, variable=name)
    if file is not None:
        yield Layer(source=InitSettingsSource(Config, table_of(file)), place=lambda _: str(file))


def layers_of_another(file: Path | None, secrets: Path, overrides: Mapping[str, Any]) -> Iterator[Layer]:
    """The layers of a gateway that another process runs: its unit, its secrets and its file, the strongest first."""
    yield Layer(source=InitSettingsSource(Config, dict(overrides)), place=lambda _: "its unit")
    if secrets.is_dir():
        yield _secrets(str(secrets), variable=str(secrets))
    if file is not None:
        yield Layer(source=InitSettingsSource(Config, table_of(file)), place=lambda _: str(file))


def merged(of: Sequence[Layer]) -> Config:
    """The configuration. A key has the value of the strongest layer; tables are merged, and lists are not.

    Raises pydantic's ValidationError.
    """
    return Config(_build_sources=(tuple(layer.source for layer in of), {}))


def variable(key: Sequence[str]) -> str:
    """The name of a key as an environment variable."""
    return PREFIX + "__".join(key).upper()


def unknown_variables() -> Iterator[str]:
    """Variables with our prefix that name no section. A variable that names a section is checked with its keys."""
    for name in sorted(os.environ):
        if not name.upper().startswith(PREFIX) or name in (CONFIG_VARIABLE, SECRETS_VARIABLE):
            continue
        section = name[len(PREFIX) :].lower().split("__")[0]
        if section not in Config.model_fields and not _OF_KUBERNETES.fullmatch(name):
            yield name


def _secrets(directory: str, *, variable: str) -> Layer:
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
    return Layer(source=source, place=lambda key: f"{directory}/{'__'.join(key)}")


def table_of(file: Path) -> dict[str, Any]:
    """The content of a configuration file. Raises ConfigError."""
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
