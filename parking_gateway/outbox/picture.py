"""Whether the broker still retains our publications, and whether we may read them: checked at every new connection."""

from collections.abc import Callable
from functools import partial
from typing import Final

from loguru import logger

from parking_gateway.broker.asking import asking, retained, retained_by_wildcard
from parking_gateway.broker.link import Link
from parking_gateway.contract.messages import gateway_topic, number_of
from parking_gateway.outbox.marker import Comparison, Marker
from parking_gateway.process.config import Config
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
    " unless they subscribe to its exact topic"
)


class Picture:
    """The retained messages of this gateway, as a subscriber receives them."""

    def __init__(
        self, config: Config, *, database: Database, patience: Patience, marker: Marker, complain: Complain
    ) -> None:
        self._config = config
        self._folder = gateway_topic(config.publication.root, config.gateway.instance)
        self._database = database
        self._patience = patience
        self._marker = marker
        self._complain = complain
        self._is_examined = False

    async def compare(self, link: Link) -> None:
        """Make everything due unless broker and database agree about the last marker."""
        # The database first: its number was confirmed earlier, so the broker has to have it.
        database = await self._patience(self._read, purpose="reading the markers")
        async with asking(self._config.mqtt, name="asks", protocol=link.protocol) as asked:
            broker = await self._retained(asked, {self._marker.instance: 0, **database})
        found = self._marker.compare(database=database, broker=broker)
        if found is not Comparison.SAME:
            level = "INFO" if found is Comparison.FIRST else "WARNING"
            logger.bind(database=database, broker=broker).log(level, found)
            await self._begin_again(link)
        if not self._is_examined:
            await self._examine(link.protocol)
            self._is_examined = True

    async def _begin_again(self, link: Link) -> None:
        marker = self._marker.next()
        await self._patience(partial(self._write, self._marker.sent), purpose="publishing everything again")
        self._marker.wrote(self._marker.sent)
        await link.publish([marker])

    async def _examine(self, protocol: str) -> None:
        mqtt, topic = self._config.mqtt, self._marker.topic
        async with asking(mqtt, name="asks", protocol=protocol) as asked:
            is_readable = topic in await retained(asked, topic, [topic])
        unreadable = UNREADABLE.format(topic=topic, folder=self._folder)
        self._complain("readable", None if is_readable else unreadable)
        if is_readable:
            by_wildcard = await retained_by_wildcard(mqtt, topic, name="asks", protocol=protocol)
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

    async def _write(self, number: int) -> None:
        async with self._database.connect() as connection:
            await connection.commit_together(*gateways.begin_again(self._marker.instance, number))
