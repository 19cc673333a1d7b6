"""The board of one gateway, where the configuration wants one."""

import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from loguru import logger

from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.database import Database
from parking_gateway.telemetry.report import Report

_PACKAGES: Final = ("starlette", "uvicorn")


@asynccontextmanager
async def served_board(
    config: Config, *, database: Database, decoder: Decoder, report: Report, clock: WallClock
) -> AsyncIterator[Callable[[Config], None]]:
    """Serve the board and the API during this context. Without `web.listen` nothing is imported for them.

    The context is a function that takes another configuration.
    """
    if config.web.listen is None:
        yield lambda _: None
        return
    if absent := [one for one in _PACKAGES if importlib.util.find_spec(one) is None]:
        logger.bind(packages=absent).error(
            "There is no board, because it needs other packages: install parking-gateway[web], or remove web.listen"
        )
        yield lambda _: None
        return
    # Only here: the framework takes memory and time at the start.
    from parking_gateway.web.desk import WebDesk  # noqa: PLC0415
    from parking_gateway.web.server import served  # noqa: PLC0415

    desk = WebDesk(config=config, database=database, decoder=decoder, report=report, clock=clock)

    def reconfigure(other: Config) -> None:
        desk.config = other

    async with served(config.web.listen, desk):
        yield reconfigure
