"""The first line of the log: which gateway this is, and what it works with."""

from pathlib import Path

from loguru import logger

from parking_gateway import __version__
from parking_gateway.process.config import Config
from parking_gateway.process.config.shown import database_name
from parking_gateway.telemetry.prose import STARTS


def log_start(config: Config, file: Path | None) -> None:
    """Log it, without any secret. `file` is that of the configuration."""
    logger.bind(
        version=__version__,
        instance=config.gateway.instance,
        config=str(file) if file else "of the environment",
        broker=str(config.mqtt.url),
        client_id=config.mqtt.client_id,
        database=database_name(config),
        profiles=len(config.decoders.profiles),
        folder=str(config.decoders.folder) if config.decoders.folder else None,
    ).info(STARTS)
