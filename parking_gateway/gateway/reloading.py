"""Another configuration for a gateway that runs: read again after SIGHUP, checked as a whole, and then put in force.

A configuration with a mistake changes nothing. `process/config/reloading.py` declares the keys that change without a restart.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.decoding.decoder import Choice, Decoder, forget_codecs
from parking_gateway.gateway.life import Life
from parking_gateway.gateway.opening import decoder_of
from parking_gateway.outbox.alerts.recipient import Recipient
from parking_gateway.outbox.alerts.recipients import recipients_of
from parking_gateway.process.config import Config, ConfigError
from parking_gateway.process.config.reloading import Reloaded, reloaded
from parking_gateway.process.systemd import Systemd
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.telemetry import set_up_logging
from parking_gateway.telemetry.logs import LogFormat
from parking_gateway.telemetry.prose import RELOADED
from parking_gateway.telemetry.report import Report

_ABOUT: Final = "configuration"
"""The subject of the complaint about a configuration that is not in force."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """How to read the configuration again, and when."""

    event: asyncio.Event
    """Set by SIGHUP."""
    read: Callable[[], Config]
    """Raises ConfigError."""
    file: Path | None = None
    """What is read, for people. None: there is no file."""


class Reloading:
    """Reads and exchanges the configuration of one gateway."""

    def __init__(  # noqa: PLR0913 - those that use it
        self,
        config: Config,
        *,
        asked: Asked,
        life: Life,
        board: Callable[[Config], None],
        decoder: Decoder,
        report: Report,
        systemd: Systemd,
        clock: WallClock,
    ) -> None:
        self.config = config
        """The configuration that is in force."""
        self._asked = asked
        self._life = life
        self._board = board
        self._decoder = decoder
        self._report = report
        self._systemd = systemd
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._asked.event.wait()
            self._asked.event.clear()
            self._systemd.reloading()
            try:
                await self._exchange()
            finally:
                self._systemd.reloaded()

    async def _exchange(self) -> None:
        try:
            # In a thread, because files may lie on a network and a codec takes its time to load.
            again, profiles, recipients = await asyncio.to_thread(partial(self._read, self.config))
        except ConfigError as error:
            sentence = f"The configuration was read again and is not in force: {error.mistakes[0]}"
            self._report.complain(_ABOUT, sentence)
            for mistake in error.mistakes:
                logger.error(mistake)
            return
        self._report.complain(_ABOUT, None)
        before, self.config = self.config, again.config
        self._decoder.adopt(profiles)
        self._life.reconfigure(again.config, recipients)
        self._board(again.config)
        self._report.health.overdue_after = again.config.telemetry.overdue_after.total_seconds()
        if _log_of(before) != _log_of(again.config):
            set_up_logging(*_log_of(again.config))
        _log(again)

    def _read(self, before: Config) -> tuple[Reloaded, dict[str, Choice], Sequence[Recipient]]:
        again = reloaded(before, self._asked.read())
        forget_codecs()
        decoder = decoder_of(again.config)
        return again, decoder.profiles, recipients_of(again.config, clock=self._clock)


def _log_of(config: Config) -> tuple[str, LogFormat]:
    return config.telemetry.log_level, config.telemetry.log_format


def _log(again: Reloaded) -> None:
    """A line for the keys that take effect, and one for each key that does not."""
    logger.bind(changed=again.changed).info(RELOADED)
    for key in again.needing_restart:
        logger.warning(f"{key} needs a restart: until then its former value is in force")
