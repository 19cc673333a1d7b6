"""The traces of one gateway, where the configuration wants some."""

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from loguru import logger

from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.telemetry.report import Report

_NEEDED: Final = "opentelemetry"


@asynccontextmanager
async def traced(config: Config, *, report: Report, clock: WallClock) -> AsyncIterator[None]:
    """Make traces during this context. Without `tracing.endpoint` nothing is imported for them."""
    if config.tracing.endpoint is None:
        yield
        return
    if importlib.util.find_spec(_NEEDED) is None:
        logger.error(
            "There are no traces, because they need other packages: install parking-gateway[tracing], or remove"
            " tracing.endpoint"
        )
        yield
        return
    # Only here: OpenTelemetry takes memory and time at the start.
    from parking_gateway.telemetry.exporting import Exporting  # noqa: PLC0415

    exporting = Exporting(config.tracing, instance=config.gateway.instance, report=report.exported, clock=clock)
    report.tracing = exporting.tracing
    try:
        yield
    finally:
        report.tracing = None
        await exporting.close()
