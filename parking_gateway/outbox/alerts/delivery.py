"""The loop that delivers alerts, a task for each recipient.

An alert is a row that was written with its notice, so nothing is lost. It is deleted once the recipient has taken it. If the
gateway dies in between, the recipient gets it again, with the same id. While a recipient is away, its alerts wait, longer each
time, and are given up after `alerts.give_up_after`. None is given up without an attempt.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from parking_gateway.outbox.alerts.recipient import Delivery, Recipient
from parking_gateway.process.config import AlertsConfig
from parking_gateway.process.waits import Backoff, unless
from parking_gateway.store import alert_recipients, alerts
from parking_gateway.store.alert_recipients import RecipientState
from parking_gateway.store.alerts import Alert
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience
from parking_gateway.store.query import Query
from parking_gateway.telemetry.report import Report

_LOOK_EVERY: Final = 5.0
"""Seconds between two looks for alerts that other processes have written."""
_REGISTER_EVERY: Final = 86400.0
"""Seconds. A recipient that nobody has registered for 30 days is forgotten."""
_MARGIN: Final = 5.0
"""Seconds of a claim beyond an attempt."""
_PASSING: Final = 2
"""Failures in a row that may pass by themselves."""
_PURPOSE: Final = "delivering alerts"


class _Step(NamedTuple):
    page: Sequence[Alert]
    state: RecipientState
    given_up: int


class Alerts:
    """Delivers the alerts of one gateway."""

    def __init__(
        self,
        recipients: Sequence[Recipient],
        config: AlertsConfig,
        *,
        instance: str,
        database: Database,
        patience: Patience,
        report: Report,
    ) -> None:
        self._wakes: dict[Recipient, asyncio.Event] = {}
        self._instance = instance
        self._database = database
        self._patience = patience
        self._report = report
        self._changed = asyncio.Event()
        self.reconfigure(recipients, config)

    def reconfigure(self, recipients: Sequence[Recipient], config: AlertsConfig) -> None:
        """Deliver to these recipients from now on. An attempt that is cut off is made again, with the same id."""
        self._wakes = {recipient: asyncio.Event() for recipient in recipients}
        self._backoff = Backoff(shortest=config.retry_wait_min, longest=config.retry_wait_max)
        self._give_up_after = config.give_up_after.total_seconds()
        self._changed.set()

    def wake(self) -> None:
        """Deliver what a commit has written."""
        for wake in self._wakes.values():
            wake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._changed.clear()
            before = self._names()
            await unless(self._changed, self._deliver())
            await self._changed.wait()
            # Not in `reconfigure`: an attempt that is not yet cut off would complain again.
            for former in before - self._names():
                self._report.complain(_about(former), None)
                self._report.complain(_about_addresses(former), None)

    def _names(self) -> set[str]:
        return {recipient.name for recipient in self._wakes}

    async def _deliver(self) -> None:
        """Deliver to the present recipients until cancelled."""
        if not self._wakes:
            return
        await self._patience(self._register, purpose=_PURPOSE)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._stay_registered())
            for recipient, wake in self._wakes.items():
                group.create_task(self._deliver_to(recipient, wake))

    async def _stay_registered(self) -> None:
        while True:
            await asyncio.sleep(_REGISTER_EVERY)
            await self._patience(self._register, purpose=_PURPOSE)

    async def _register(self) -> None:
        async with self._database.connect() as connection:
            kinds = {recipient.name: recipient.kinds for recipient in self._wakes}
            await connection.commit_together(alert_recipients.register(kinds))

    async def _deliver_to(self, recipient: Recipient, wake: asyncio.Event) -> None:
        made, failures = Delivery(), 0
        while True:
            wake.clear()
            page, state, given_up = await self._patience(
                partial(self._next_page, recipient, self._ends(recipient, made, failures)), purpose=_PURPOSE
            )
            failures = state.failures
            self._report.alerted(recipient.medium, given_up=given_up)
            self._report.complain(_about(recipient.name), problem_of(recipient, state))
            if page:
                made = await recipient.deliver(page)
                if made.delivered:
                    self._report.complain(_about_addresses(recipient.name), _unreached(recipient, made))
                self._report.alerted(
                    recipient.medium,
                    delivered=len(made.delivered),
                    failed=len(made.refused) + (made.failure is not None),
                )
                continue
            made = Delivery()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_of(state)):
                    await wake.wait()

    async def _next_page(self, recipient: Recipient, ends: Sequence[Query[Any]]) -> _Step:
        """End the page before, and read the next one."""
        async with self._database.connect() as connection:
            *_, given_up, _, page, states = await connection.commit_together(
                *ends,
                alerts.give_up(recipient.name, after=self._give_up_after),
                alerts.claim(recipient.name, self._instance, seconds=recipient.seconds + _MARGIN),
                alerts.page(recipient.name, self._instance, limit=recipient.at_once),
                alert_recipients.states(),
            )
        # Without a row, it was deleted by hand, and is registered again.
        return _Step(page, states.get(recipient.name, RecipientState()), given_up)

    def _ends(self, recipient: Recipient, made: Delivery, failures: int) -> list[Query[Any]]:
        """What the database gets after an attempt."""
        found: list[Query[Any]] = []
        if made.delivered:
            ids = [alert.notice.id for alert in made.delivered]
            found += alerts.delivered(recipient.name, ids, rest_seconds=recipient.rest_seconds)
        found += [
            alerts.refused(
                recipient.name,
                alert.notice.id,
                seconds=self._backoff.wait(alert.failures + 1),
                error=failure.error,
            )
            for alert, failure in made.refused
        ]
        if made.failure is not None:
            in_a_row = 1 if made.delivered else failures + 1
            seconds = max(self._backoff.wait(in_a_row), made.failure.retry_after)
            found.append(alerts.failed(recipient.name, seconds=seconds, error=made.failure.error))
        return found


def wait_of(state: RecipientState) -> float:
    """Seconds until the next look. Alerts that are due and on no page are those of a gateway that delivers them."""
    if state.seconds is None or state.seconds <= 0:
        return _LOOK_EVERY
    return min(_LOOK_EVERY, state.seconds)


def _about(name: str) -> str:
    """The subject of complaints about a recipient."""
    return f"alerts {name}"


def _about_addresses(name: str) -> str:
    return f"alerts {name} addresses"


def _unreached(recipient: Recipient, made: Delivery) -> str | None:
    if not made.unreached:
        return None
    return f"The mail server refuses {', '.join(made.unreached)}: correct alerts.mail_to ({recipient.name})"


def problem_of(recipient: Recipient, state: RecipientState) -> str | None:
    """What a person has to correct about the recipient; None: nothing."""
    if state.failures > _PASSING and state.failing_since is not None:
        since = f"{state.failing_since:%Y-%m-%d %H:%M} UTC"
        return f"Alerts do not reach {recipient.medium} {recipient.name} since {since}: {state.error}"
    if state.given_up:
        return (
            f"Alerts to {recipient.medium} {recipient.name} were given up within the last day: {state.given_up_error};"
            " the table notice has all notices"
        )
    return None
