"""Announces the car park to Home Assistant: what differs from what was published, and what has gone.

It looks at the start of a connection, every minute, and when Home Assistant says that it has started. A state that
changes announces nothing.

After a broker or a database went back, the broker has announcements without a row. So all are read back at each connection, and
those of this place get a row. The next look clears them, or publishes them again if their space is there.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from loguru import logger

from parking_gateway.broker.asking import asking
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.broker.message import Message
from parking_gateway.broker.reasons import Refusal
from parking_gateway.broker.tree import Tree
from parking_gateway.contract import home_assistant
from parking_gateway.contract.gateways import gateway_topic
from parking_gateway.contract.home_assistant import Place
from parking_gateway.contract.publication import Publication
from parking_gateway.core.announcement import Announcement
from parking_gateway.core.printable import in_one_line
from parking_gateway.outbox.pages import Publisher
from parking_gateway.process.config.home_assistant import HomeAssistantConfig
from parking_gateway.store import announcements, gateways
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience

KIND: Final = "announcement"
_EVERY: Final = timedelta(minutes=1)
_AT_ONCE: Final = 200
_PURPOSE: Final = "announcing to Home Assistant"
UNREADABLE: Final = (
    "The broker does not send us our own announcements to Home Assistant, so spaces that were removed can stay there after the"
    " broker or the database went back: its ACL has to let the gateway read {topics}"
)


class Announcements:
    """Those of one gateway, over one link after the other."""

    def __init__(  # noqa: PLR0913 - what it works with, and where it reports
        self,
        config: HomeAssistantConfig,
        *,
        root: str,
        instance: str,
        version: str,
        database: Database,
        patience: Patience,
        complain: Callable[[str, str | None], None],
        report: Callable[[str, int, Sequence[Refusal]], None],
    ) -> None:
        """`version` is the program's: another one may announce otherwise. `complain` gets a sentence for an administrator, or None."""
        self._config = config
        self._root = root
        self._last = gateway_topic(root, instance)
        """Our retained birth, which ends a reading."""
        self._version = version
        self._database = database
        self._patience = patience
        self._complain = complain
        self._report = report
        self._wake = asyncio.Event()
        self._is_asked = False
        """Whether Home Assistant has started since the last look."""

    async def commit(self, messages: Sequence[Message]) -> None:
        """Take messages of Home Assistant's status. They may be acknowledged then."""
        if any(message.payload == home_assistant.ONLINE for message in messages):
            self._is_asked = True
            self._wake.set()

    async def run(self, link: Publisher) -> None:
        """Announce until cancelled. Where that is not enabled, clear what was announced earlier, and return."""
        if not self._config.enabled:
            await self._clear_all(link)
            return
        while True:
            self._wake.clear()
            if self._is_asked:
                self._is_asked = False
                logger.info("Home Assistant has started; everything is announced again")
                await self._patience(self._forget, purpose=_PURPOSE)
            await self._look(link)
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY.total_seconds()):
                    await self._wake.wait()

    async def read_back(self, link: Link) -> None:
        """Clear what the broker retains for no space or zone of this place, and announce everything again if something is missing.

        It is read batch by batch, over a connection of its own, and done with the next look, which begins at once.
        """
        if not self._config.enabled:
            return
        place = Place(root=self._root, prefix=self._config.prefix, gateway=None)
        topics = home_assistant.filter_of(place)
        confirmed = await self._patience(partial(self._confirmed, place), purpose=_PURPOSE)
        is_readable, is_whole, present, added = not confirmed, False, 0, 0

        async def take(messages: Sequence[Message]) -> None:
            nonlocal is_readable, present, added
            retained = {one.topic: one.payload for one in messages if one.payload and one.topic != self._last}
            if retained:
                is_readable = True
                compared = await self._patience(partial(self._compare, retained, place), purpose=_PURPOSE)
                present, added = present + compared[0], added + compared[1]

        try:
            async with asking(link.here, name="reads") as asked:
                is_whole = await Tree(last=self._last).read(asked, [topics], take=take)
        except (MqttError, OSError) as error:
            # Some brokers refuse the subscription or hang up where their ACL forbids to read.
            logger.bind(error=in_one_line(error)).warning("The announcements to Home Assistant cannot be read back")
        self._complain("announcements", None if is_readable else UNREADABLE.format(topics=topics))
        is_missing = is_readable and is_whole and present < confirmed
        if is_missing:
            await self._patience(self._forget, purpose=_PURPOSE)
        if is_missing or added:
            logger.bind(missing=max(0, confirmed - present), without_row=added).warning(
                "Announcements to Home Assistant differed from the database and are healed"
            )
            self._wake.set()

    async def _look(self, link: Publisher) -> None:
        place = await self._patience(self._place, purpose=_PURPOSE)
        # Cleared first: in another form, the same entities are announced by other topics.
        while await self._clear_page(link):
            pass
        while await self._publish_page(link, place):
            pass

    async def _clear_all(self, link: Publisher) -> None:
        while await self._clear_page(link):
            pass

    async def _publish_page(self, link: Publisher, place: Place) -> bool:
        """Whether there may be more."""

        async def read() -> list[Announcement]:
            async with self._database.connect() as connection:
                (found,) = await connection.commit_together(
                    announcements.due(
                        self._config.form, place=_name(place), as_rendered=self._as_rendered(place), limit=_AT_ONCE
                    )
                )
                return found

        due = await self._patience(read, purpose=_PURPOSE)
        published = [(home_assistant.discovery(one, place), one) for one in due]
        refused = await self._send(link, [publication for publication, _ in published])
        confirmed = [(one.topic, announced) for one, announced in published if one.topic not in refused]

        async def write() -> None:
            async with self._database.connect() as connection:
                await connection.commit_together(announcements.confirm(confirmed, place=_name(place)))

        if confirmed:
            await self._patience(write, purpose=_PURPOSE)
        return len(due) == _AT_ONCE and bool(confirmed)

    async def _clear_page(self, link: Publisher) -> bool:
        """Whether there may be more."""
        topics = await self._patience(self._gone, purpose=_PURPOSE)
        refused = await self._send(link, [home_assistant.cleared(topic) for topic in topics])
        cleared = [topic for topic in topics if topic not in refused]

        async def write() -> None:
            async with self._database.connect() as connection:
                await connection.commit_together(announcements.delete(cleared))

        if cleared:
            await self._patience(write, purpose=_PURPOSE)
        return len(topics) == _AT_ONCE and bool(cleared)

    async def _send(self, link: Publisher, publications: Sequence[Publication]) -> set[str]:
        """Publish, and return the topics that the broker refuses. They are tried again with the next look."""
        if not publications:
            return set()
        refusals = await link.publish(publications)
        self._report(KIND, len(publications) - len(refusals), refusals)
        return {refusal.topic for refusal in refusals}

    async def _gone(self) -> list[str]:
        if not self._config.enabled:
            query = announcements.all_topics(limit=_AT_ONCE)
        else:
            place = Place(root=self._root, prefix=self._config.prefix, gateway=None)
            query = announcements.gone(self._config.form, place=_name(place), limit=_AT_ONCE)
        async with self._database.connect() as connection:
            (topics,) = await connection.commit_together(query)
            return topics

    async def _confirmed(self, place: Place) -> int:
        async with self._database.connect() as connection:
            (confirmed,) = await connection.commit_together(announcements.confirmed(place=_name(place)))
            return confirmed

    async def _compare(self, retained: Mapping[str, bytes], place: Place) -> tuple[int, int]:
        """How many of these topics have a confirmed announcement, and how many of this place had no row. Those have one now."""
        named = {topic: home_assistant.names_of(topic, payload, place) for topic, payload in retained.items()}
        ours = {topic: names for topic, names in named.items() if names is not None}
        async with self._database.connect() as connection:
            present, added = await connection.commit_together(
                announcements.confirmed_of(list(retained), place=_name(place)),
                announcements.found(ours, place=_name(place)),
            )
            return present, added

    async def _place(self) -> Place:
        async with self._database.connect() as connection:
            (markers,) = await connection.commit_together(gateways.markers())
        only = next(iter(markers)) if len(markers) == 1 else None
        return Place(root=self._root, prefix=self._config.prefix, gateway=only)

    async def _forget(self) -> None:
        async with self._database.connect() as connection:
            await connection.commit_together(announcements.forget())

    def _as_rendered(self, place: Place) -> str:
        return f"{self._version} {place.gateway or ''}"


def _name(place: Place) -> str:
    return f"{place.prefix} {place.root}"
