"""The subscriptions in the broker's session: the wanted ones, and those of an earlier configuration."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Final

from parking_gateway.broker.asking import asking, shares, sharing_complaint
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.broker.reasons import BrokerRefuses
from parking_gateway.contract.gateways import gateway_topic
from parking_gateway.intake.journal import Journal
from parking_gateway.process.config import Config
from parking_gateway.store import gateways
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience, TakesNothing

_READING: Final = "reading the subscriptions"
_REMEMBERING: Final = "remembering the subscriptions"
"""Purposes, as `Patience` has them."""
GRANTED_AT_QOS_0: Final = (
    "The broker grants the subscription to {topic} at QoS 0 only, so it keeps no event while the gateway is away: let it"
    " grant QoS 1 (Mosquitto: max_qos 1)"
)


class Subscription:
    """Renewed at every connection. The broker keeps every subscription of a session until it is ended."""

    def __init__(
        self,
        config: Config,
        *,
        database: Database,
        patience: Patience,
        complain: Callable[[str, str | None], None],
        others: Sequence[str] = (),
        journal: Journal | None = None,
    ) -> None:
        """`complain` is called with "sharing", "quality" or "subscription" and a sentence about its fault; None: it has none.

        `others` are topic filters beside that of the events. The gateway works although the broker refuses them. With a
        journal, events are subscribed to without the database.
        """
        self._group = config.mqtt.shared_group
        self._folder = gateway_topic(config.publication.root, config.gateway.instance)
        self._events = config.subscription
        self._others = others
        self._wanted = (self._events, *others)
        self._topic = config.chirpstack.topic
        self._client_id = config.mqtt.client_id
        self._database = database
        self._patience = patience
        self._complain = complain
        self._journal = journal
        self.is_complete = False
        """Whether the database knows what the session holds."""
        self._is_known = False
        """Whether the database was asked what the session may hold."""
        self._held: frozenset[str] | None = None
        """Subscriptions that the session may hold. None: this client id never had a session."""
        self._is_new = False
        """Whether the broker had no session at a connection that ended before this was answered."""

    async def prove(self, link: Link) -> None:
        """Raise MqttError unless events can come over the shared subscription that the configuration asks for."""
        group = self._group
        if group is None:
            return
        async with asking(link.here, name="proves") as asked:
            answer = await shares(asked, folder=self._folder, group=group)
        complaint = sharing_complaint(answer, group=group, folder=self._folder)
        self._complain("sharing", complaint)
        if answer is False:
            raise MqttError(complaint)

    async def renew(self, link: Link) -> bool:
        """Subscribe, and end every other subscription of ours. Return whether the broker has lost our session.

        The new ones come first. So no event falls between the two, and an event that comes over both is recorded once. With a
        journal and an absent database, it only subscribes, because events have to come and health has to be published all the
        same; `complete` does the rest.
        """
        self._is_new = self._is_new or not link.session_present
        self.is_complete = False
        if self._journal is None:
            return await self.complete(link)
        try:
            return await self.complete(link, within=self._journal.after.total_seconds())
        except TakesNothing:
            # Written before the broker is asked, as below.
            await self._journal.remember_filters(await self._journal.filters() | frozenset(self._wanted))
            await self._subscribe(link)
            return False

    async def complete(self, link: Link, *, within: float | None = None) -> bool:
        """Renew as `renew` does, but wait for the database. Raises `TakesNothing` if it has taken nothing for `within` seconds."""
        if not self._is_known:
            await self._patience(partial(self._look_up, within), purpose=_READING, within=within)
        is_lost = self._held is not None and self._is_new
        in_journal = await self._journal.filters() if self._journal else frozenset()
        held, wanted = (self._held or frozenset()) | in_journal, frozenset(self._wanted)
        if not wanted <= held:
            # Written before the broker is asked. Without this, a crash in between would leave a subscription for ever.
            await self._remember(held | wanted, within)
        await self._subscribe(link)
        # The plain topic too, which an earlier version may have left without writing it down.
        if unwanted := (held | {self._topic}) - wanted:
            await link.unsubscribe(sorted(unwanted))
        if self._held != wanted or not link.session_present:
            await self._remember(wanted, within)
        if in_journal and self._journal:
            await self._journal.remember_filters(frozenset())
        self._is_new = False
        self.is_complete = True
        return is_lost

    async def _subscribe(self, link: Link) -> None:
        """Subscribe to the events first, because the broker may refuse the others. An older ACL names the events alone."""
        at_qos_0 = await link.subscribe(self._events)
        self._complain("quality", GRANTED_AT_QOS_0.format(topic=self._events) if at_qos_0 else None)
        refused = None
        for one in self._others:
            try:
                await link.subscribe(one)
            except BrokerRefuses as refusal:
                refused = f"What it would bring is not received: {refusal}"
        self._complain("subscription", refused)

    async def _remember(self, filters: frozenset[str], within: float | None) -> None:
        await self._patience(partial(self._write, filters, within), purpose=_REMEMBERING, within=within)
        self._held = filters

    async def _look_up(self, within: float | None) -> None:
        async with asyncio.timeout(within), self._database.connect() as connection:
            (self._held,) = await connection.commit_together(gateways.filters(self._client_id))
        self._is_known = True

    async def _write(self, filters: Collection[str], within: float | None) -> None:
        async with asyncio.timeout(within), self._database.connect() as connection:
            await connection.commit_together(gateways.remember_filters(filters, client_id=self._client_id))
