"""The way out of one gateway: the outbox, and beside it the picture that the broker retains and the announcements."""

import asyncio

from parking_gateway import __version__
from parking_gateway.broker.link import Link
from parking_gateway.outbox.announcements import Announcements
from parking_gateway.outbox.loop import Outbox
from parking_gateway.outbox.marker import Marker
from parking_gateway.outbox.picture import Picture
from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool
from parking_gateway.telemetry.report import Report


class WayOut:
    """Everything that one gateway publishes about the car park."""

    def __init__(self, config: Config, *, pool: Pool, patience: Patience, report: Report, clock: WallClock) -> None:
        root = config.publication.root
        marker = Marker(root=root, instance=config.gateway.instance, clock=clock)
        self._outbox = Outbox(
            config.publication,
            database=pool,
            patience=patience,
            marker=marker,
            known=pool.check.known,
            report=report.published,
            report_steps=report.published_steps,
            has_backlog=report.has_backlog,
        )
        self._announcements = Announcements(
            config.home_assistant,
            root=root,
            instance=config.gateway.instance,
            version=__version__,
            database=pool,
            patience=patience,
            complain=report.complain,
            report=report.published,
        )
        self._picture = Picture(
            config,
            database=pool,
            patience=patience,
            marker=marker,
            complain=report.complain,
            changed=self._outbox.changed,
            report=lambda healed: report.healed(published_again=healed.published_again, cleared=healed.cleared),
            compared=self._announcements.read_back,
        )
        self.changed = self._outbox.changed
        self.is_waiting = self._outbox.is_waiting
        self.recounted = self._outbox.recounted
        self.sent = self._outbox.sent
        self.finish = self._outbox.finish
        self.home_assistant_started = self._announcements.commit

    async def run(self, link: Link) -> None:
        """Publish over this connection until `finish`."""
        await self._picture.compare(link)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._picture.read_back(link))
            announcing = group.create_task(self._announcements.run(link))
            await self._outbox.run(link)
            reading.cancel()
            announcing.cancel()
