"""The other gateways for watchers: when each was last there, by the database."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from parking_gateway.web.changes import Event
from parking_gateway.web.messages import BoardGateway

_FRESH: Final = timedelta(seconds=30)
"""A gateway writes every 10 seconds that it is there, and the board misses it after 60 seconds. With a younger time it needs no newer one."""


def others_event(others: Sequence[BoardGateway]) -> Event:
    """All of them in one event, so that a gateway whose row was removed leaves the board too."""
    return Event("gateways", "others", msgspec.json.encode(others))


class ShownOthers:
    """The other gateways as they were shown last."""

    def __init__(self) -> None:
        self._shown: dict[str, datetime | None] = {}

    def news(self, others: Sequence[BoardGateway], now: datetime) -> Iterator[Event]:
        """All of them, if one came, went or was there since a time that is not fresh any more."""
        there = {one.instance: one.watched_at for one in others}
        if there.keys() != self._shown.keys() or any(
            at != self._shown[instance] and not _is_fresh(self._shown[instance], now) for instance, at in there.items()
        ):
            self._shown = there
            yield others_event(others)


def _is_fresh(at: datetime | None, now: datetime) -> bool:
    return at is not None and now - at <= _FRESH
