"""Commands about the configuration, and the configuration of every other command."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parking_gateway import __version__
from parking_gateway.cli.shown import show_error

if TYPE_CHECKING:
    from parking_gateway.process.config import Config, Loaded

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", envvar="PARKING_GATEWAY_CONFIG", help="Configuration file (TOML)."),
]
"""The option `--config` of every command that needs a configuration."""
CodecOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the codec; repeatable.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]


def configured(file: Path | None, *, overrides: Mapping[str, Any] | None = None) -> "Config":
    """The effective configuration. Where it has mistakes, the command prints each and ends with status 78."""
    return _loaded(file, overrides).config


def check_config(*, config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Check the configuration and show the effective values.

    Each value is shown with its origin; passwords are hidden. The command connects to nothing. Each mistake is a line on
    standard error, and the exit status is then 78. A missing folder is a mistake here too, although the gateway starts
    without it.

    For example:

        parking-gateway check-config --config /etc/parking-gateway/config.toml
    """
    loaded = _loaded(config, None)
    _require_all_that_is_named(loaded)
    shown = _shown(loaded.config)
    if as_json:
        document = {key: {"value": value, "from": loaded.origins[key]} for key, value in shown.items()}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for key, value in shown.items():
        for name, text in _lines(key, value):
            typer.echo(f"{name} = {text}  # {loaded.origins[key]}")


def version() -> None:
    """Print the version.

    For example:

        parking-gateway version
    """
    typer.echo(__version__)


def _loaded(file: Path | None, overrides: Mapping[str, Any] | None) -> "Loaded":
    from parking_gateway.process.config import ConfigError, load_with_origins  # noqa: PLC0415 - a third of a second

    try:
        return load_with_origins(file, overrides=overrides)
    except ConfigError as error:
        for mistake in error.mistakes:
            show_error(mistake)
        raise typer.Exit(os.EX_CONFIG) from None


def _require_all_that_is_named(loaded: "Loaded") -> None:
    """End with status 78 where a folder or a codec of the configuration is missing on this machine."""
    from parking_gateway.gateway.opening import lacking  # noqa: PLC0415 - as above

    absent = lacking(loaded.config)
    for key, sentence in absent:
        show_error(f"{loaded.origins[key]}: {sentence}")
    if absent:
        raise typer.Exit(os.EX_CONFIG)


def _shown(config: "Config") -> dict[str, Any]:
    """Every `section.key` with its value in JSON types."""
    from parking_gateway.process.config.shown import HIDDEN, without_password  # noqa: PLC0415 - as above

    values = {
        f"{section}.{key}": value
        for section, table in config.model_dump(mode="json").items()
        for key, value in table.items()
    }
    if config.mqtt.password is not None:
        values["mqtt.password"] = HIDDEN
    values["database.url"] = without_password(config.database.url.get_secret_value())
    return values


def _lines(key: str, value: object) -> Iterator[tuple[str, str]]:
    """A key with its value in TOML; a table is a line for each of its values."""
    match value:
        case dict() if value:
            for name, inner in value.items():
                quoted = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)
                yield from _lines(f"{key}.{quoted}", inner)
        case None:
            yield key, '""'
        case float():
            yield key, repr(int(value) if value.is_integer() else value)
        case _:
            yield key, json.dumps(value, ensure_ascii=False)
