"""Publications of the gateway's health, on MQTT and to systemd, as soon as it changes.

They never wait for the database, because they have to show that it is away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from parking_gateway.process.config import Config
from parking_gateway.process.config.absences import absences
from parking_gateway.process.systemd import Systemd
from parking_gateway.process.waits import pause
from parking_gateway.store import due
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience
from parking_gateway.telemetry import Health
from parking_gateway.telemetry.report import Report

_INTERVAL: Final = 10.0
"""Seconds between two reports of the gateway's own health on MQTT when nothing changes."""
_FILES_INTERVAL: Final = 10.0
"""Seconds between two looks at directories."""
_LOOK: Final = 0.5
"""Seconds between two checks for a change. An event can become overdue without any other event."""


async def count_what_is_due(database: Database, *, patience: Patience, report: Report, within: timedelta) -> None:
    """Count the publications that are due, every 10 seconds until cancelled, also while there is no broker.

    It also notices a database that hangs while there is no other work for it. One attempt takes at most `within`.
    """

    async def count() -> int:
        async with asyncio.timeout(within.total_seconds()), database.connect() as connection:
            (number,) = await connection.commit_together(due.count())
            return number

    while True:
        report.counted(await patience(count, purpose="counting what is due"))
        await asyncio.sleep(_INTERVAL)


async def report(publish: Callable[[], Awaitable[None]], health: Health) -> None:
    """Publish the health when it changes, else every 10 seconds, until cancelled. The caller has published it once."""
    clock = asyncio.get_running_loop().time
    published, at = health.state(), clock()
    while True:
        await asyncio.sleep(_LOOK)
        if health.state() != published or clock() >= at + _INTERVAL:
            published, at = health.state(), clock()
            await publish()


async def expire(report: Report) -> None:
    """End problems that have not recurred, until cancelled, also while broker and database are away."""
    while True:
        await asyncio.sleep(1)
        report.expire()


async def watch_files(config: Config, *, complain: Callable[[str, str | None], None]) -> None:
    """Complain while a directory of the configuration is absent, until cancelled. It may be mounted at any time."""
    absent: set[str] = set()
    while True:
        # In a thread, because a directory on a network may not answer.
        found = dict(await asyncio.to_thread(lambda: [*absences(config)]))
        for key in absent - found.keys():
            complain(key, None)
        for key, what in found.items():
            complain(key, f"{key} {what}")
        absent = set(found)
        await asyncio.sleep(_FILES_INTERVAL)


async def show_systemd(systemd: Systemd, health: Health, *, stop: asyncio.Event) -> None:
    """Send the health to systemd until `stop`, and then STOPPING=1, before the last batch is finished."""
    shown = ""
    while not stop.is_set():
        if (line := health.status_line()) != shown:
            shown = line
            systemd.status(line)
        await pause(_LOOK, stop=stop)
    systemd.stopping()
