"""Reads the retained tree back at each connection and compares it with the database, topic by topic.

A page of confirmed rows is read, rendered, and compared with what the broker retains on exactly their topics. A row whose
message is missing or different becomes due again, unless it has changed since it was read. So the loop of the outbox
publishes it, and two gateways do not fight.

Then the topics are read by wildcards. A topic without a row is cleared. If its row appears meanwhile, it becomes due.

It works beside the loop of the outbox, in the memory of a page.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final

import msgspec

from parking_gateway.broker import tree
from parking_gateway.broker.link import Link
from parking_gateway.broker.message import Message
from parking_gateway.contract.gateways import gateway_topic
from parking_gateway.contract.publication import Publication
from parking_gateway.contract.rendering import rendered
from parking_gateway.contract.tree import Names, filter_of, names_of, version_of
from parking_gateway.core.due import Due, DueKind, DueSpace
from parking_gateway.core.space import SpaceId
from parking_gateway.outbox.pages import Publisher
from parking_gateway.store import gateways
from parking_gateway.store import tree as rows_of_tree
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience

_KINDS: Final = (DueKind.SPACE, DueKind.ZONE, DueKind.SITE, DueKind.DEVICE)
"""In the order in which they are healed: what a driver sees comes first."""


class ReadBackResult(msgspec.Struct, kw_only=True):
    """The result of reading the tree back."""

    published_again: int = 0
    """Rows whose message was missing or different."""
    cleared: int = 0
    """Topics without a row."""
    is_readable: bool = True
    """False: the broker sends none of our states, although it takes them."""
    is_whole: bool = True
    """False: the broker did not send all messages, so the rest is not compared."""
    strangers: frozenset[str] = frozenset()
    """Gateways that publish below our root and are not in our database. Then no topic is cleared."""


class ReadingBack:
    """One reading of the tree, over an asking link and beside a publishing one."""

    def __init__(
        self,
        root: str,
        *,
        instance: str,
        database: Database,
        patience: Patience,
        changed: Callable[[Collection[SpaceId]], None],
        calm: Callable[[], Awaitable[None]],
    ) -> None:
        """`changed` publishes spaces soon; rows of other kinds are found by the next scan. `calm` is awaited before each page."""
        self._root = root
        self._last = gateway_topic(root, instance)
        """Our retained birth. It is published before the reading begins and not during it."""
        self._tree = tree.Tree(last=self._last)
        self._database = database
        self._patience = patience
        self._changed = changed
        self._calm = calm
        self._is_proven = False
        """Whether a state of ours has come back over this link."""
        self.healed = ReadBackResult()

    async def heal(self, asked: Link, link: Publisher) -> ReadBackResult:
        """Make differing rows due and clear topics without a row. Raises MqttError or OSError when a link is lost."""
        for kind in _KINDS:
            if not await self._compare(asked, link, kind):
                return self.healed
        self.healed.strangers = await self._strangers(asked)
        if self.healed.is_whole and not self.healed.strangers:
            for kind in _KINDS:
                await self._clear(asked, link, kind)
        return self.healed

    async def is_ahead(self, asked: Link) -> bool:
        """Whether the broker retains a space with a higher version than the database has, or no space at all."""
        is_any_retained, after = False, None
        while page := await self._patience(partial(self._page, DueKind.SPACE, after), purpose="reading rows"):
            after = page[-1].key
            topics = {one.topic: row for row in page for one in rendered(self._root, [row]) if one.retain}
            found = await self._retained(asked, list(topics))
            retained = {topic: found[topic] for topic in topics.keys() & found.keys()}  # our birth is found too
            if any(version_of(payload) > topics[topic].version for topic, payload in retained.items()):
                return True
            is_any_retained = is_any_retained or bool(retained)
        return not is_any_retained

    async def _compare(self, asked: Link, link: Publisher, kind: DueKind) -> bool:
        after: int | str | None = None
        await self._calm()
        while page := await self._patience(partial(self._page, kind, after), purpose="reading rows"):
            after = page[-1].key
            rows = [row for row in page if row.version == row.published_version]
            if not rows:
                continue
            differing = await self._differing(asked, rows)
            if not self.healed.is_whole:
                return False
            if len(differing) < len(rows):
                self._is_proven = True
            elif not self._is_proven:
                self._is_proven = await self._is_readable(asked, link, kind, rows[0])
                if not self._is_proven:
                    self.healed.is_readable = False
                    return False
            if differing:
                await self._publish_again(kind, differing)
            await self._calm()
        return True

    async def _differing(self, asked: Link, rows: Sequence[Due]) -> list[Due]:
        """The rows whose messages the broker does not retain as they are rendered now."""
        publications = {row.key: [one for one in rendered(self._root, [row]) if one.retain] for row in rows}
        topics = [one.topic for several in publications.values() for one in several]
        found = await self._retained(asked, topics)
        return [row for row in rows if any(found.get(one.topic) != one.payload for one in publications[row.key])]

    async def _is_readable(self, asked: Link, link: Publisher, kind: DueKind, row: Due) -> bool:
        """Whether the broker sends a state that it has just taken. It may have lost all of them, or its ACL may forbid it."""
        states = [one for one in rendered(self._root, [row]) if one.retain]
        if await link.publish(states):
            return False
        topics = [one.topic for one in states]
        # This state may have overtaken a newer one of the outbox, so the newest has to follow, whatever it is now.
        names = [one for topic in topics if (one := names_of(self._root, kind, topic)) is not None]
        await self._patience(partial(self._publish_named, kind, names), purpose="publishing again")
        self.healed.published_again += len(names)
        if isinstance(row, DueSpace):
            self._changed([row.key])
        return not (set(topics) - (await self._retained(asked, topics)).keys())

    async def _retained(self, asked: Link, topics: Sequence[str]) -> dict[str, bytes]:
        """The payloads of these topics. Those that did not come are asked for again while any others come."""
        found: dict[str, bytes] = {}
        missing, is_whole = list(topics), True
        while missing:
            some, is_whole = await self._read(asked, missing)
            # Without our birth, which ends every reading.
            found |= {topic: some[topic] for topic in missing if topic in some}
            before, missing = len(missing), [topic for topic in missing if topic not in some]
            if len(missing) == before:
                break
        self.healed.is_whole = self.healed.is_whole and (is_whole or not missing)
        return found

    async def _read(self, asked: Link, topic_filters: Sequence[str]) -> tuple[dict[str, bytes], bool]:
        found: dict[str, bytes] = {}

        async def take(messages: Sequence[Message]) -> None:
            found.update({message.topic: message.payload for message in messages})

        is_whole = await self._tree.read(asked, topic_filters, take=take)
        return found, is_whole

    async def _strangers(self, asked: Link) -> frozenset[str]:
        found, is_whole = await self._read(asked, [f"{gateway_topic(self._root, '+')}/marker"])
        found.pop(self._last, None)
        self.healed.is_whole = is_whole
        instances = {topic.removeprefix(gateway_topic(self._root, "")).partition("/")[0] for topic in found}
        instances.discard(self._last.rpartition("/")[2])
        known = await self._patience(self._known, purpose="reading the markers") if instances else {}
        return frozenset(instances - known.keys())

    async def _clear(self, asked: Link, link: Publisher, kind: DueKind) -> None:
        async def take(messages: Sequence[Message]) -> None:
            topics: dict[Names, str] = {}
            for message in messages:
                names = names_of(self._root, kind, message.topic)
                if names is not None and message.payload:
                    topics[names] = message.topic
            if topics:
                await self._clear_without_row(link, kind, topics)

        if not await self._tree.read(asked, [filter_of(self._root, kind)], take=take):
            self.healed.is_whole = False

    async def _clear_without_row(self, link: Publisher, kind: DueKind, topics: dict[Names, str]) -> None:
        names = await self._patience(partial(self._without_row, kind, topics.keys()), purpose="comparing topics")
        if not names:
            return
        refusals = await link.publish([Publication(topic=topics[one], payload=b"", retain=True) for one in names])
        self.healed.cleared += len(names) - len(refusals)
        await self._patience(partial(self._publish_named, kind, names), purpose="publishing again")

    async def _publish_again(self, kind: DueKind, rows: Sequence[Due]) -> None:
        keys = await self._patience(partial(self._make_due, kind, rows), purpose="publishing again")
        self.healed.published_again += len(keys)
        self._changed([row.key for row in rows if isinstance(row, DueSpace) and row.key in keys])

    async def _page(self, kind: DueKind, after: int | str | None) -> list[Due]:
        async with self._database.connect() as connection:
            (rows,) = await connection.commit_together(rows_of_tree.page(kind, after=after))
            return rows

    async def _make_due(self, kind: DueKind, rows: Sequence[Due]) -> set[int | str]:
        async with self._database.connect() as connection:
            (keys,) = await connection.commit_together(rows_of_tree.publish_again(kind, rows))
            return keys

    async def _without_row(self, kind: DueKind, names: Collection[Names]) -> set[Names]:
        async with self._database.connect() as connection:
            (without,) = await connection.commit_together(rows_of_tree.without_row(kind, names))
            return without

    async def _publish_named(self, kind: DueKind, names: Collection[Names]) -> None:
        async with self._database.connect() as connection:
            await connection.commit_together(rows_of_tree.publish_named(kind, names))

    async def _known(self) -> dict[str, int]:
        async with self._database.connect() as connection:
            (numbers,) = await connection.commit_together(gateways.markers())
            return numbers
