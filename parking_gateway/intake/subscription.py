"""The subscriptions in the broker's session: the wanted ones, and those of an earlier configuration."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

from parking_gateway.broker.asking import asking, shares, sharing_complaint
from parking_gateway.broker.link import Link, MqttError
from parking_gateway.contract.messages import gateway_topic
from parking_gateway.process.config import Config
from parking_gateway.store import gateways
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience


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
    ) -> None:
        """`complain` is called with "sharing" and a sentence about its fault; None: it has none.

        `others` are topic filters beside that of the events.
        """
        self._mqtt = config.mqtt
        self._folder = gateway_topic(config.publication.root, config.gateway.instance)
        self._wanted = (config.subscription, *others)
        self._topic = config.chirpstack.topic
        self._client_id = config.mqtt.client_id
        self._database = database
        self._patience = patience
        self._complain = complain
        self._is_known = False
        self._held: frozenset[str] | None = None
        """Subscriptions that the session may hold. None: this client id never had a session."""

    async def prove(self, link: Link) -> None:
        """Raise MqttError unless events can come over the shared subscription that the configuration asks for."""
        group = self._mqtt.shared_group
        if group is None:
            return
        async with asking(self._mqtt, name="proves", protocol=link.protocol) as asked:
            answer = await shares(asked, folder=self._folder, group=group)
        complaint = sharing_complaint(answer, group=group, folder=self._folder)
        self._complain("sharing", complaint)
        if answer is False:
            raise MqttError(complaint)

    async def renew(self, link: Link) -> bool:
        """Subscribe, and end every other subscription of ours. Return whether the broker has lost our session.

        The new ones come first. So no event falls between the two, and an event that comes over both is recorded once.
        """
        if not self._is_known:
            # Once only, because later connections have to receive events and publish health also without a database.
            self._held = await self._patience(self._read, purpose="reading the subscriptions")
            self._is_known = True
        is_lost = self._held is not None and not link.session_present
        held, wanted = self._held or frozenset(), frozenset(self._wanted)
        if not wanted <= held:
            # Written before the broker is asked. Without this, a crash in between would leave a subscription for ever.
            await self._remember(held | wanted)
        await link.subscribe(*self._wanted)
        # The plain topic too, which an earlier version may have left without writing it down.
        if unwanted := (held | {self._topic}) - wanted:
            await link.unsubscribe(sorted(unwanted))
        if self._held != wanted:
            await self._remember(wanted)
        return is_lost

    async def _remember(self, filters: frozenset[str]) -> None:
        await self._patience(partial(self._write, filters), purpose="remembering the subscriptions")
        self._held = filters

    async def _read(self) -> frozenset[str] | None:
        async with self._database.connect() as connection:
            (filters,) = await connection.commit_together(gateways.filters(self._client_id))
            return filters

    async def _write(self, filters: Collection[str]) -> None:
        async with self._database.connect() as connection:
            await connection.commit_together(gateways.remember_filters(filters, client_id=self._client_id))
