"""The publication of messages that are published once, in their order.

They are read at the start of a connection, when a commit has brought some, and every `poll_interval`, for messages of other
processes, messages that the broker refused, and those of another gateway that died.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from parking_gateway.broker.reasons import Refusal
from parking_gateway.contract.outgoing import sent
from parking_gateway.core.due import DueKind
from parking_gateway.core.outgoing import Clearing, DueOutgoing
from parking_gateway.outbox.pages import Publisher
from parking_gateway.store import outgoing, tree
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience
from parking_gateway.store.query import Query

_AT_ONCE: Final = 200
"""Messages of a page. It is published well within `outgoing.CLAIMED`, also by a slow broker."""
_TOGETHER: Final = 0.02
"""Seconds in which the end of a page waits for the next one, so that both are one transaction."""
OUTGOING: Final = "outgoing"
_LOCK_ORDER: Final = (DueKind.SPACE, DueKind.ZONE, DueKind.SITE)


class _Page(NamedTuple):
    rows: Sequence[DueOutgoing]
    seconds: float
    """For how long another gateway has claimed the messages; 0: none has."""


class OutgoingMessages:
    """Publishes them for one gateway, over one link after the other."""

    def __init__(
        self,
        root: str,
        *,
        instance: str,
        database: Database,
        patience: Patience,
        poll_interval: timedelta,
        report: Callable[[str, int, Sequence[Refusal]], None],
    ) -> None:
        self._root = root
        self._instance = instance
        self._database = database
        self._patience = patience
        self._poll_interval = poll_interval
        self._report = report
        self._wake = asyncio.Event()
        self._is_finishing = False

    def wake(self) -> None:
        """Publish what a commit has written."""
        self._wake.set()

    def finish(self) -> None:
        """Let `run` publish what is written, and return."""
        self._is_finishing = True
        self._wake.set()

    async def run(self, link: Publisher) -> None:
        """Publish until `finish`. Raises MqttError when the link is lost."""
        while True:
            self._wake.clear()
            is_finishing = self._is_finishing
            seconds = await self._publish_all(link)
            if is_finishing:
                return
            wait = self._poll_interval.total_seconds()
            await self._woken(within=min(wait, seconds) if seconds else wait)

    async def _woken(self, *, within: float) -> None:
        if self._is_finishing:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._wake.wait()

    async def _publish_all(self, link: Publisher) -> float:
        """Publish all messages, unless another gateway does; then the answer is for how many seconds it has claimed them."""
        confirmed: Sequence[DueOutgoing] = ()
        refused: Sequence[int] = ()
        while True:
            step = partial(self._next_page, confirmed, refused)
            page = await self._patience(step, purpose="publishing what is published once")
            if not page.rows:
                return page.seconds
            publications = [sent(self._root, row) for row in page.rows]
            refusals = await link.publish(publications)
            topics = {refusal.topic for refusal in refusals}
            is_refused = [publication.topic in topics for publication in publications]
            confirmed = [row for row, is_one in zip(page.rows, is_refused, strict=True) if not is_one]
            refused = [row.id for row, is_one in zip(page.rows, is_refused, strict=True) if is_one]
            self._report(OUTGOING, len(confirmed), refusals)
            if len(page.rows) < _AT_ONCE:
                await self._woken(within=_TOGETHER)
                self._wake.clear()

    async def _next_page(self, confirmed: Sequence[DueOutgoing], refused: Sequence[int]) -> _Page:
        """End the page before, and read the next one."""
        async with self._database.connect() as connection:
            *_, rows, seconds = await connection.commit_together(
                *_of_new_owners(confirmed),
                *([outgoing.delete([row.id for row in confirmed])] if confirmed else []),
                *([outgoing.postpone(refused, by=self._poll_interval)] if refused else []),
                outgoing.claim(self._instance),
                outgoing.page(self._instance, limit=_AT_ONCE),
                outgoing.claimed_by_another(self._instance),
            )
        return _Page(rows, seconds)


def _of_new_owners(confirmed: Sequence[DueOutgoing]) -> list[Query[None]]:
    """Publish the rows again that have the names of cleared topics by now, because their messages may have been cleared."""
    names: dict[DueKind, list[tuple[str, ...]]] = {}
    for row in confirmed:
        if isinstance(row.message, Clearing):
            names.setdefault(row.message.kind, []).append(row.message.names)
    return [tree.publish_named(kind, names[kind]) for kind in _LOCK_ORDER if kind in names]
