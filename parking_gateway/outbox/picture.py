"""Whether the broker still retains our publications, and whether we may read them: checked at every new connection.

First the markers are compared, in a few round trips. Then the whole tree is read back, beside the loop of the outbox.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final

from loguru import logger

from parking_gateway.broker.asking import asking, retained, retained_by_wildcard
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.contract.gateways import gateway_topic, number_of
from parking_gateway.core.printable import in_one_line
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.marker import Comparison, Marker
from parking_gateway.outbox.pace import Pace
from parking_gateway.outbox.reading_back import ReadBackResult, ReadingBack
from parking_gateway.process.config import Config
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.waits import until_calm
from parking_gateway.store import gateways
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience

Complain = Callable[[str, str | None], None]
"""Called with the name of a check and the sentence for an administrator; None: nothing is wrong."""

UNREADABLE: Final = (
    "The broker does not send us our own retained message on {topic}, so everything is published again at every"
    " connection: its ACL has to let the gateway read {folder}/#"
)
NO_WILDCARDS: Final = (
    "The broker sends no retained messages to subscriptions with wildcards: dashboards see a space only when it changes,"
    " unless they subscribe to its exact topic. Topics without a row are not found, and so not cleared"
)
UNREADABLE_TREE: Final = (
    "The broker does not send us our own retained states, so they are not compared with the database: its ACL has to let"
    " the gateway read {root}/#"
)
STRANGERS: Final = (
    "Gateways that are not in this database publish below {root}, so no retained topic is cleared: {strangers}. Give them"
    " another publication.root; or clear the retained topics of gateways that are gone"
)
_WAITS: Final = (0.0, 3.0, 30.0, 300.0)
"""Seconds before each attempt. To read a million topics takes minutes, in which one delay of the broker can end an attempt."""


_BACKLOG_SECONDS: Final = 600.0
"""How long a reading waits for a backlog. A gateway that is always behind heals all the same."""


class Picture:
    """The retained messages of this gateway, as a subscriber receives them."""

    def __init__(  # noqa: PLR0913 - what it works on, and what it reports to
        self,
        config: Config,
        *,
        database: Database,
        patience: Patience,
        marker: Marker,
        complain: Complain,
        changed: Callable[[Collection[SpaceId]], None],
        report: Callable[[ReadBackResult], None],
        compared: Callable[[Link], Awaitable[None]],
    ) -> None:
        """`changed` publishes spaces soon. `report` is called at the end of each reading, whole or not.

        `compared` is awaited after a whole reading, unless a gateway of another database publishes below the same root.
        """
        self._config = config
        self._folder = gateway_topic(config.publication.root, config.gateway.instance)
        self._database = database
        self._patience = patience
        self._marker = marker
        self._complain = complain
        self._changed = changed
        self._count = report
        self._compared = compared
        self._pace = Pace()
        self._examined: str | None = None
        """The address of the broker that was examined last."""
        self._is_readable = False
        """Whether the broker sends us our own marker."""
        self._has_gone_back = False
        """Whether the broker went back, and its topics are not compared yet."""

    async def compare(self, link: Link) -> None:
        """Compare the last markers. Makes everything due if the database went back, or the broker lost everything.

        If the broker has newer versions than the database, all versions are raised. A broker that went back is healed by
        `read_back`, topic by topic.
        """
        # The database first: its number was confirmed earlier, so the broker has to have it.
        database = await self._patience(self._read, purpose="reading the markers")
        async with asking(link.here, name="asks") as asked:
            broker = await self._retained(asked, {self._marker.instance: 0, **database})
        found = self._marker.compare(database=database, broker=broker)
        if found is not Comparison.SAME:
            level = "INFO" if found is Comparison.FIRST else "WARNING"
            logger.bind(database=database, broker=broker).log(level, found)
        self._has_gone_back = self._has_gone_back or found is Comparison.BROKER_WENT_BACK
        if found not in {Comparison.SAME, Comparison.BROKER_WENT_BACK}:
            is_ahead = found is Comparison.DATABASE_WENT_BACK and await self._is_broker_ahead(link)
            await self._begin_again(link, raises=is_ahead)
        if link.here.address != self._examined:
            await self._examine(link.here)
            self._examined = link.here.address

    async def read_back(self, link: Link) -> None:
        """Compare every retained topic with the database, and heal those that differ.

        After several connections within a few minutes it waits before it reads, up to a minute; not where the broker is
        known to have gone back. It waits also while a backlog is recorded, before each page.
        """
        if not self._is_readable:
            await self._heal_by_marker(link)
            return
        if not self._has_gone_back:
            await asyncio.sleep(self._pace.wait(time.monotonic()))
        for wait in _WAITS:
            await asyncio.sleep(wait)
            if await self._has_read_back(link):
                return

    async def _has_read_back(self, link: Link) -> bool:
        """Read everything once. False: the connection that reads was lost."""
        began = time.monotonic()
        self._pace.begin(began)
        reading = self._reading(link)
        try:
            async with asking(link.here, name="reads") as asked:
                healed = await reading.heal(asked, link)
        except (MqttError, OSError) as error:
            # Some brokers refuse so many subscriptions. The link that publishes must not end with this one.
            logger.bind(error=in_one_line(error)).warning("The retained messages cannot be read back")
            await self._heal_by_marker(link)
            return False
        finally:
            self._count(reading.healed)
        await self._report(healed, link, seconds=time.monotonic() - began)
        if healed.is_readable and healed.is_whole and not healed.strangers:
            await self._compared(link)
        return True

    async def _calm(self, link: Link, *, latest: float) -> None:
        """Wait while the gateway works off a backlog, because uplinks come first; not where the broker is known to have gone back."""
        await until_calm(lambda: not self._has_gone_back and link.seconds_behind > 0, within=latest - time.monotonic())

    def _reading(self, link: Link) -> ReadingBack:
        return ReadingBack(
            self._config.publication.root,
            instance=self._config.gateway.instance,
            database=self._database,
            patience=self._patience,
            changed=self._changed,
            calm=partial(self._calm, link, latest=time.monotonic() + _BACKLOG_SECONDS),
        )

    async def _is_broker_ahead(self, link: Link) -> bool:
        """Whether the broker has, or may have, newer versions than the database."""
        try:
            async with asking(link.here, name="reads") as asked:
                return await self._reading(link).is_ahead(asked)
        except (MqttError, OSError):
            return True

    async def _report(self, healed: ReadBackResult, link: Link, *, seconds: float) -> None:
        root = self._config.publication.root
        self._complain("tree", None if healed.is_readable else UNREADABLE_TREE.format(root=root))
        strangers = STRANGERS.format(root=root, strangers=", ".join(sorted(healed.strangers)))
        self._complain("strangers", strangers if healed.strangers else None)
        bound = logger.bind(published_again=healed.published_again, cleared=healed.cleared, seconds=round(seconds, 3))
        if healed.published_again or healed.cleared:
            bound.warning("Retained messages differed from the database and are healed")
        if not healed.is_whole:
            bound.warning("The broker did not send all of its retained messages, so not all were compared")
        if not (healed.is_readable and healed.is_whole):
            await self._heal_by_marker(link)
        elif self._has_gone_back:
            await self._agree(link)

    async def _heal_by_marker(self, link: Link) -> None:
        """Publish everything again if the broker went back, because its topics cannot be compared."""
        if self._has_gone_back:
            await self._begin_again(link)
            self._has_gone_back = False

    async def _agree(self, link: Link) -> None:
        """Give broker and database the same marker, because their topics are the same."""
        marker = self._marker.next()
        number = self._marker.sent
        if not await link.publish([marker]):
            await self._patience(partial(self._write_agreement, number), purpose="confirming the marker")
            self._marker.wrote(number)
        self._has_gone_back = False

    async def _begin_again(self, link: Link, *, raises: bool = False) -> None:
        marker = self._marker.next()
        if raises:
            logger.bind(version=self._marker.sent).warning(
                "The broker has newer states than the database; all versions are raised"
            )
        write = partial(self._write, self._marker.sent, raises=raises)
        await self._patience(write, purpose="publishing everything again")
        self._marker.wrote(self._marker.sent)
        await link.publish([marker])

    async def _examine(self, here: MqttConfig) -> None:
        topic = self._marker.topic
        async with asking(here, name="asks") as asked:
            is_readable = topic in await retained(asked, topic, [topic])
        unreadable = UNREADABLE.format(topic=topic, folder=self._folder)
        self._complain("readable", None if is_readable else unreadable)
        self._is_readable = is_readable
        if is_readable:
            by_wildcard = await retained_by_wildcard(here, topic, name="asks")
            self._complain("wildcards", None if by_wildcard else NO_WILDCARDS)

    async def _retained(self, asked: Link, database: dict[str, int]) -> dict[str, int]:
        numbers = {}
        for instance, number in database.items():
            topic = self._marker.topic_of(instance)
            found = await retained(asked, topic, [topic] if number and instance == self._marker.instance else [])
            if topic in found:
                numbers[instance] = number_of(found[topic])
        return numbers

    async def _read(self) -> dict[str, int]:
        async with self._database.connect() as connection:
            (numbers,) = await connection.commit_together(gateways.markers())
            return numbers

    async def _write(self, number: int, *, raises: bool) -> None:
        instance = self._marker.instance
        again = gateways.begin_again(instance, number)
        above = gateways.begin_again_above(instance, number, version=number)
        async with self._database.connect() as connection:
            await connection.commit_together(*(above if raises else again))

    async def _write_agreement(self, number: int) -> None:
        async with self._database.connect() as connection:
            await connection.commit_together(*gateways.agree(self._marker.instance, number))
