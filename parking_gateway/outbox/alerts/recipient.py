"""A recipient of alerts, and the result of an attempt to deliver some."""

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

import msgspec

from parking_gateway.core.notice import NoticeKind
from parking_gateway.store.alerts import Alert


class Failure(msgspec.Struct, frozen=True):
    """Why something was not delivered, in words without a secret."""

    error: str
    retry_after: float = 0.0
    """The seconds that the recipient asks for."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an attempt. What is in none of these fields was not tried."""

    delivered: Sequence[Alert] = ()
    refused: Sequence[tuple[Alert, Failure]] = ()
    """The recipient refuses these, and takes others."""
    unreached: Sequence[str] = ()
    """Addresses that the mail server refuses while it takes others."""
    failure: Failure | None = None
    """The recipient is away, or takes nothing."""


class Recipient(Protocol):
    """A recipient of alerts."""

    @property
    def name(self) -> str:
        """Tells it from the others, without a secret."""
        ...

    @property
    def medium(self) -> Literal["webhook", "mail"]:
        """Its kind."""
        ...

    @property
    def kinds(self) -> Collection[NoticeKind]:
        """Of the notices that it gets."""
        ...

    @property
    def at_once(self) -> int:
        """The most alerts of one attempt."""
        ...

    @property
    def seconds(self) -> float:
        """The longest time of one attempt."""
        ...

    @property
    def rest_seconds(self) -> float:
        """Its rest after a delivery."""
        ...

    async def deliver(self, alerts: Sequence[Alert]) -> Delivery:
        """Try to deliver these, the oldest first. Raises nothing of the network."""
        ...
