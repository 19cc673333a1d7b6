"""The health of this gateway for watchers. It does not need the database, because it has to show that it is away."""

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec

from parking_gateway.contract.gateways import HealthMessage
from parking_gateway.web.changes import Event
from parking_gateway.web.desk import WebDesk
from parking_gateway.web.messages import own_gateway

_AT_LEAST_EVERY: Final = 10.0
"""Seconds, for its numbers."""


class ShownHealth:
    """The health as it was shown last."""

    def __init__(self, desk: WebDesk) -> None:
        self._desk = desk
        self._shown: tuple[object, ...] = ()
        self._shown_at = 0.0

    def event(self) -> Event:
        """The health now."""
        return self._event(self._desk.report.shown_health())

    def news(self) -> Iterator[Event]:
        """The health, if it says something new or was not shown for a while."""
        health, now = self._desk.report.shown_health(), asyncio.get_running_loop().time()
        state = _state(health)
        if state != self._shown or now - self._shown_at > _AT_LEAST_EVERY:
            self._shown, self._shown_at = state, now
            yield self._event(health)

    def _event(self, health: HealthMessage) -> Event:
        own = own_gateway(self._desk.config.gateway.instance, health)
        return Event("gateway", own.instance, msgspec.json.encode(own))


def _state(health: HealthMessage) -> tuple[object, ...]:
    return health.database, health.broker, health.missing, health.problems, health.why, bool(health.journal.rows)
