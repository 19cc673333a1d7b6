"""Events at QoS 0. The broker keeps none of them, and the gateway drops those that do not fit into its inbox."""

from typing import Final

from loguru import logger

from parking_gateway.core.seldom import Seldom
from parking_gateway.telemetry import Health, Metrics
from parking_gateway.telemetry.recurring import Recurring

AT_QOS_0: Final = (
    "Events come at QoS 0, so the broker keeps none of them while the gateway is away or busy: "
    "in chirpstack.toml, [integration.mqtt], set qos = 1"
)
DROPPED: Final = (
    "Messages of QoS 0 are dropped, because they come faster than they can be recorded: in chirpstack.toml,"
    " [integration.mqtt], set qos = 1, so that the broker keeps them"
)
_DROPS_LAST: Final = 60.0
"""Seconds after the last drop for which drops are a problem."""
_PROBLEM: Final = "qos"
_DAY: Final = 86_400.0
"""Seconds between two warnings, and from the last such event to the end of the problem."""
_DROPS_EVERY: Final = 1.0
"""Seconds between two warnings about drops, of which there may be thousands."""


class EventsAtQos0:
    """Counts and reports events at QoS 0, because nothing else shows that they are lost."""

    def __init__(self, *, health: Health, metrics: Metrics, recurring: Recurring) -> None:
        self._health = health
        self._metrics = metrics
        self._recurring = recurring
        self._daily = Seldom(_DAY)
        self._drops = Seldom(_DROPS_EVERY)
        self._drops_unlogged = 0
        self._received_at: float | None = None
        """When the last one came; None: none came within a day."""

    def received(self) -> None:
        """Events at QoS 0 were received."""
        self._received_at = self._health.seconds()
        self._health.problems[_PROBLEM] = AT_QOS_0
        if self._daily.is_due(_PROBLEM, now=self._received_at):
            logger.warning(AT_QOS_0)

    def dropped(self) -> None:
        """An event was dropped."""
        self._metrics.dropped.inc()
        self._drops_unlogged += 1
        self._recurring.happened("drops", DROPPED, lasts=_DROPS_LAST)
        if self._drops.is_due("", now=self._health.seconds()):
            self.log_drops()
            self.received()

    def log_drops(self) -> None:
        """Log the number of events that were dropped since the last such line."""
        if self._drops_unlogged:
            logger.bind(count=self._drops_unlogged).warning(
                "Messages of QoS 0 were dropped, because they came faster than they could be recorded"
            )
            self._drops_unlogged = 0

    def expire(self) -> None:
        """End the problem after a day without such an event."""
        if self._received_at is not None and self._health.seconds() - self._received_at >= _DAY:
            self._received_at = None
            self._health.problems.pop(_PROBLEM, None)
