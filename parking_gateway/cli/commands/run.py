"""The command that systemd runs."""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from parking_gateway.cli.commands.configuration import ConfigFile, configured, file_of
from parking_gateway.cli.shown import show_error, show_errors
from parking_gateway.process import signals

if TYPE_CHECKING:
    from parking_gateway.process.config import Config

_LAST_RESORT: Final = timedelta(seconds=5)
"""From `gateway.stop_timeout` to the end of the process in any case."""

Migrate = Annotated[bool, typer.Option("--migrate", help="Migrate the database first.")]


def run(*, config: ConfigFile = None, migrate: Migrate = False) -> None:
    """Run the gateway until SIGTERM or Ctrl-C.

    It waits for a broker or a database that is away. After the first signal it finishes its last batch; a second one ends
    it at once. SIGHUP reads the configuration again. Exit status 78: the configuration or the schema has to be changed first.

    For example:

        parking-gateway run --config /etc/parking-gateway/config.toml
    """
    # A command like `version` does not import what only the gateway needs.
    import asyncio  # noqa: PLC0415

    from parking_gateway.process.config import ConfigError  # noqa: PLC0415
    from parking_gateway.store.embedded import EmbeddedFailed  # noqa: PLC0415
    from parking_gateway.store.schema import SchemaMismatch  # noqa: PLC0415
    from parking_gateway.telemetry import set_up_logging  # noqa: PLC0415

    effective = configured(config)
    set_up_logging(effective.telemetry.log_level, effective.telemetry.log_format)
    try:
        asyncio.run(_run(effective, file_of(config), migrate=migrate))
    except (ConfigError, SchemaMismatch) as mistake:
        show_errors(mistake.mistakes if isinstance(mistake, ConfigError) else [str(mistake)])
        raise typer.Exit(os.EX_CONFIG) from None
    except EmbeddedFailed as failure:
        show_error(str(failure))
        raise typer.Exit(1) from None


async def _run(config: "Config", file: Path | None, *, migrate: bool) -> None:
    import asyncio  # noqa: PLC0415 - as above

    from parking_gateway.gateway import run as gateway  # noqa: PLC0415 - as above
    from parking_gateway.gateway.reloading import Asked  # noqa: PLC0415 - as above
    from parking_gateway.process.config import load  # noqa: PLC0415 - as above

    stop, reload = asyncio.Event(), asyncio.Event()
    with signals.stopped_by_signals(stop, at_most=config.gateway.stop_timeout + _LAST_RESORT, reload=reload):
        await gateway.run(
            config, stop=stop, reload=Asked(event=reload, read=partial(load, file), file=file), migrate=migrate
        )
