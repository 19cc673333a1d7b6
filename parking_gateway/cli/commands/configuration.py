"""Commands about the configuration, and the configuration of every other command."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parking_gateway import __version__
from parking_gateway.cli.shown import show_error, show_errors

if TYPE_CHECKING:
    from parking_gateway.process.config import Config, Loaded

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        envvar="PARKING_GATEWAY_CONFIG",
        help="Configuration (TOML), else /etc/parking-gateway/config.toml if there is one.",
        show_envvar=False,
    ),
]
"""The option `--config` of every command that needs a configuration."""
CodecOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="An option of the codec; repeatable.", show_default=False),
]
Version = Annotated[bool, typer.Option("--version", help="Print the version.")]
Embedded = Annotated[
    bool, typer.Option("--embedded", help="Use a PostgreSQL that the gateway starts itself in its state directory.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]


def file_of(given: Path | None) -> Path | None:
    """The file that a command reads: the given one, else that of the machine, if it exists."""
    from parking_gateway.process.config import FILE  # noqa: PLC0415 - a third of a second

    return given or (FILE if FILE.exists() else None)


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


def root(*, of_version: Version = False, embedded: Embedded = False) -> None:
    """From LoRaWAN parking sensors to a truthful picture of every space."""
    if of_version:
        version()
        raise typer.Exit
    if embedded:
        # A variable, so that a reload and child processes have it too.
        os.environ["PARKING_GATEWAY_DATABASE__URL"] = "embedded"


def version() -> None:
    """Print the version.

    For example:

        parking-gateway version
    """
    typer.echo(__version__)


def _loaded(file: Path | None, overrides: Mapping[str, Any] | None) -> "Loaded":
    from parking_gateway.process.config import ConfigError, load_with_origins  # noqa: PLC0415 - a third of a second

    try:
        return load_with_origins(file_of(file), overrides=overrides)
    except ConfigError as error:
        show_errors(error.mistakes)
        raise typer.Exit(os.EX_CONFIG) from None


def _require_all_that_is_named(loaded: "Loaded") -> None:
    """End with status 78 where a folder or a codec of the configuration is missing on this machine."""
    from parking_gateway.gateway.opening import lacking  # noqa: PLC0415 - as above

    absent = lacking(loaded.config)
    for key, sentence in absent:
        origin = loaded.origins[key]
        show_error(sentence if origin == "default" else f"{origin}: {sentence}")
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
