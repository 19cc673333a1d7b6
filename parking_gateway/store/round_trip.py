"""One round trip to PostgreSQL: all commands in one write, and a wait for all their results. libpq's pipeline mode.

psycopg's own pipeline takes two turns of the event loop for each command, and a round trip for each BEGIN and COMMIT. With its
public wrapper of libpq, reading one changed space takes 0.5 ms instead of 1.4, and a backlog is drained a sixth faster.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

Command = Callable[[PGconn], None]
"""Sends one command, which has one result."""


async def round_trip(
    driver: psycopg.AsyncConnection[Any], lists: Sequence[Sequence[Command]], *, within: float | None
) -> list[list[PGresult]]:
    """Send lists of commands and return the result of each. Where one fails, those behind it in its list are not executed.

    `error_of` finds the one that failed. A connection that was lost, or on which this was interrupted, is left in pipeline
    mode. Raises TimeoutError without all answers `within` seconds.
    """
    async with asyncio.timeout(within):
        return await _travelled(driver.pgconn, lists)


async def _travelled(pgconn: PGconn, lists: Sequence[Sequence[Command]]) -> list[list[PGresult]]:
    pgconn.enter_pipeline_mode()
    for commands in lists:
        for command in commands:
            command(pgconn)
        pgconn.pipeline_sync()
    while pgconn.flush():
        # PostgreSQL may have stopped reading until its answers are read.
        await _ready(pgconn, or_writable=True)
        pgconn.consume_input()
    results = []
    for commands in lists:
        results.append([await _result(pgconn) for _ in commands])
        await _next(pgconn)  # that of the sync
    pgconn.exit_pipeline_mode()
    return results


def is_done(result: PGresult) -> bool:
    """Whether the command was executed."""
    return result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


def error_of(results: Sequence[PGresult]) -> psycopg.Error | None:
    """The error of the command that failed, if one did."""
    return next((error_from_result(result) for result in results if not is_done(result)), None)


async def _result(pgconn: PGconn) -> PGresult:
    result = await _next(pgconn)
    if result is None:
        raise psycopg.OperationalError("the connection is lost")
    await _next(pgconn)  # the end of this one's results
    return result


async def _next(pgconn: PGconn) -> PGresult | None:
    while pgconn.is_busy():
        await _ready(pgconn)
        pgconn.consume_input()
    return pgconn.get_result()


async def _ready(pgconn: PGconn, *, or_writable: bool = False) -> None:
    loop, socket = asyncio.get_running_loop(), pgconn.socket
    is_ready = loop.create_future()

    def wake() -> None:
        if not is_ready.done():
            is_ready.set_result(None)

    loop.add_reader(socket, wake)
    if or_writable:
        loop.add_writer(socket, wake)
    try:
        await is_ready
    finally:
        loop.remove_reader(socket)
        if or_writable:
            loop.remove_writer(socket)
