"""The composition root: opens everything, lets the gateway live, and closes in reverse."""

import asyncio
import contextlib
from typing import Final

from loguru import logger

from parking_gateway.gateway import pulse
from parking_gateway.gateway.board import served_board
from parking_gateway.gateway.journalling import opened_journal
from parking_gateway.gateway.life import Life
from parking_gateway.gateway.opening import database, decoder_of, lacking_codecs
from parking_gateway.gateway.reloading import Asked, Reloading
from parking_gateway.gateway.start_line import log_start
from parking_gateway.gateway.traces import traced
from parking_gateway.process import waits
from parking_gateway.process.config import Config
from parking_gateway.process.systemd import notifying
from parking_gateway.process.wall_clock import WallClock, utc
from parking_gateway.store.known_server import NAME as SERVER_FILE
from parking_gateway.store.known_server import KnownServer
from parking_gateway.telemetry import Health, Metrics, web
from parking_gateway.telemetry.report import Report

_LAST_WORD: Final = 1.0
"""Seconds beyond `gateway.stop_timeout` for "offline". If the broker does not take it, it publishes the will."""


async def run(
    config: Config, *, stop: asyncio.Event, reload: Asked | None = None, migrate: bool = False, clock: WallClock = utc
) -> None:
    """Run until `stop`. Raises ConfigError or SchemaMismatch when there is no use in trying."""
    log_start(config, reload.file if reload else None)
    decoder = decoder_of(config)
    # The directories are looked after by `watch_files`.
    if absent := [sentence for _, sentence in lacking_codecs(config)]:
        logger.bind(error="; ".join(absent)).warning(
            "The gateway starts without something that the configuration names"
        )
    async with contextlib.AsyncExitStack() as stack:
        systemd = stack.enter_context(notifying())
        health = Health(
            stalled_after=config.telemetry.stalled_after,
            overdue_after=config.telemetry.overdue_after,
            alive=systemd.alive,
            seconds=asyncio.get_running_loop().time,
            clock=clock,
        )
        await stack.enter_async_context(waits.beside(pulse.show_systemd(systemd, health, stop=stop)))
        metrics = Metrics(health, zones=config.telemetry.zones)
        await stack.enter_async_context(
            web.serve(config.telemetry.listen, metrics=metrics, health=health, within=config.telemetry.timeout)
        )
        known = KnownServer(config.gateway.state_directory / SERVER_FILE, clock=clock)
        pool = await stack.enter_async_context(database(config, known))
        report = Report(health=health, metrics=metrics, root=config.publication.root, clock=clock)
        await stack.enter_async_context(traced(config, report=report, clock=clock))
        await stack.enter_async_context(waits.beside(pulse.expire(report)))
        await stack.enter_async_context(waits.beside(pulse.watch_files(config, complain=report.complain)))
        board = await stack.enter_async_context(
            served_board(config, database=pool, decoder=decoder, report=report, clock=clock)
        )
        life = Life(
            config,
            pool=pool,
            journal=await stack.enter_async_context(opened_journal(config, report=report, clock=clock)),
            decoder=decoder,
            report=report,
            on_ready=systemd.ready,
            stop=stop,
            clock=clock,
        )
        if reload is not None:
            reloading = Reloading(
                config,
                asked=reload,
                life=life,
                board=board,
                decoder=decoder,
                report=report,
                systemd=systemd,
                clock=clock,
            )
            await stack.enter_async_context(waits.beside(reloading.run()))
        is_finished = await waits.finished(
            stop,
            life.run(migrate=migrate),
            seconds=config.gateway.stop_timeout.total_seconds() + _LAST_WORD,
            give_up=pool.hang_up,
        )
        if not is_finished:
            logger.warning(
                "The broker or the database did not answer in time; whatever is unfinished is done at the next start"
            )
        systemd.stopping()
    logger.info("Stopped")
