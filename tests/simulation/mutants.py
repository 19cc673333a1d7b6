"""Planted mistakes. Each has to be found, or the simulation would prove nothing."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

from parking_gateway.broker.link import Link
from parking_gateway.broker.message import Message
from parking_gateway.clock import history
from parking_gateway.core.committed import Committed
from parking_gateway.core.due import DueKind
from parking_gateway.intake import keeping, loop
from parking_gateway.intake.drain import Drain
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.loop import Intake
from parking_gateway.intake.subscription import Subscription
from parking_gateway.store import confirmations, devices, gateways, uplinks
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments, array_of
from tests.simulation.report import Report
from tests.simulation.rows import Transaction
from tests.simulation.statements import STATEMENTS
from tests.simulation.statements.batches import elements

Mutant = Callable[[], AbstractContextManager[Any]]


def acknowledges_before_the_commit() -> AbstractContextManager[Any]:
    """The order of the two in the intake."""

    async def acknowledge(self: Intake, link: Link, messages: Sequence[Message], ends: Any, before: Any) -> None:
        link.acknowledge(messages)
        for one in (*ends, before) if before else ends:
            await one
        self.settled()

    return patch.object(Intake, "_acknowledge", acknowledge)


def removes_from_the_journal_before_the_commit() -> AbstractContextManager[Any]:
    """The order of the two in the drain."""

    async def run(self: Drain) -> None:
        while True:
            entries = await self.journal.head(self.intake.batch_size)
            if not entries:
                self.journal.drained()
                await self.journal.filled()
                continue
            await self.journal.remove(entries[-1][0])
            await self._commit([message for _, message in entries])

    return patch.object(Drain, "run", run)


def forgets_that_a_commit_may_have_come_through() -> AbstractContextManager[Any]:
    """After a lost answer, a repetition is an error like any other."""
    return patch.object(uplinks, "is_repetition", lambda _error: False)


def believes_a_full_disk() -> AbstractContextManager[Any]:
    """The journal says that it has kept what could not be written."""
    real = Journal.keep

    async def keep(
        self: Journal, messages: Sequence[Message], received_at: datetime, *, was_tried: bool = False
    ) -> bool:
        await real(self, messages, received_at, was_tried=was_tried)
        return True

    return patch.object(Journal, "keep", keep)


def overtakes_the_journal() -> AbstractContextManager[Any]:
    """Batches go into the database while earlier ones are in the journal."""
    return patch.object(Journal, "is_used", property(lambda _self: False, lambda _self, _value: None), create=True)


def deals_messages_to_any_lane() -> AbstractContextManager[Any]:
    """Two messages of one device can be in two lanes."""

    def dealt(messages: Sequence[Message]) -> list[Sequence[Message]]:
        return [messages[::2], messages[1::2]] if len(messages) > 1 else [messages]

    return patch.object(loop, "lanes", dealt)


def does_not_wait_for_the_broker() -> AbstractContextManager[Any]:
    """Publications are confirmed in the database although the broker has not answered."""

    async def all_answered(_self: Link) -> None:
        return

    return patch.object(Link, "_all_answered", all_answered)


def confirms_more_than_was_published() -> AbstractContextManager[Any]:
    """What the broker has confirmed is written as one version more."""
    real = confirmations.confirm

    def confirm(kind: Any, published: Any) -> Any:
        return real(kind, [replace(one, version=one.version + 1) for one in published])

    return patch.object(confirmations, "confirm", confirm)


def corrects_no_history() -> AbstractContextManager[Any]:
    """Late uplinks stay where they came."""

    async def go(_database: Any, _moment: Any) -> Committed:
        return Committed()

    return patch.object(history, "go", go)


def does_not_subscribe_again() -> AbstractContextManager[Any]:
    """A new session gets no subscriptions, if the database knows that there were some."""
    real = vars(Subscription)["_subscribe"]

    async def subscribe(self: Subscription, link: Link) -> None:
        if self._held is None:
            await real(self, link)

    return patch.object(Subscription, "_subscribe", subscribe)


def leaves_the_journal_out_of_the_order() -> AbstractContextManager[Any]:
    """A batch goes into the journal before the lanes in front of it have ended."""

    async def ended(_earlier: Any) -> None:
        return

    return patch.object(keeping, "ended", ended)


def does_not_notice_another_server() -> AbstractContextManager[Any]:
    """After a failover, nothing is published again."""
    return patch.object(KnownServer, "meet", lambda _self, _found: False)


def publishes_old_versions_again() -> AbstractContextManager[Any]:
    """A database that went back goes on with the versions and ids that were published before."""

    def begin_again_above(instance: str, number: int, **_version: int) -> Any:
        return gateways.begin_again(instance, number)

    return patch.object(gateways, "begin_again_above", begin_again_above)


def confirms_over_another_gateway() -> AbstractContextManager[Any]:
    """What is published is confirmed although another gateway has published something else meanwhile."""
    name = confirmations.confirm(DueKind.SPACE, []).statement.name
    real = STATEMENTS[name]

    async def confirm(transaction: Transaction, arguments: Arguments) -> Rows:
        present = [transaction.get("space", key) for key in elements(arguments["id"])]
        published = [row and row["published_version"] for row in present]
        return await real(transaction, {**arguments, "published_version": array_of(published)})

    return patch.dict(STATEMENTS, {name: confirm})


def locks_no_rows() -> AbstractContextManager[Any]:
    """A space is changed by two transactions at once."""

    async def lock(self: Transaction, table: str, key: Any) -> Any:
        return self.get(table, key)

    return patch.object(Transaction, "lock", lock)


def believes_a_backlog_to_be_silence() -> AbstractContextManager[Any]:
    """Sensors are called silent while their uplinks wait in the broker or in the journal."""
    return patch.object(Report, "listening_since", property(lambda self: self.started))


def notices_each_silence_again() -> AbstractContextManager[Any]:
    """The contact of silent devices is not lost, so each round finds them once more."""
    return patch.object(devices, "lose", lambda _devices: [])


MUTANTS: Final[Sequence[Mutant]] = (
    acknowledges_before_the_commit,
    removes_from_the_journal_before_the_commit,
    forgets_that_a_commit_may_have_come_through,
    believes_a_full_disk,
    overtakes_the_journal,
    deals_messages_to_any_lane,
    does_not_wait_for_the_broker,
    confirms_more_than_was_published,
    corrects_no_history,
    does_not_subscribe_again,
    leaves_the_journal_out_of_the_order,
    does_not_notice_another_server,
    publishes_old_versions_again,
    confirms_over_another_gateway,
    locks_no_rows,
    believes_a_backlog_to_be_silence,
    notices_each_silence_again,
)
