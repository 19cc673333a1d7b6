"""Events at QoS 0: the broker keeps none of them, and we drop those for which there is no space."""

import time
from typing import Final

from loguru import logger

from parking_gateway.core.seldom import Seldom
from parking_gateway.telemetry import Health, Metrics

AT_QOS_0: Final = (
    "Events come at QoS 0, so the broker keeps none of them while the gateway is away or busy: "
    "in chirpstack.toml, [integration.mqtt], set qos = 1"
)
_PROBLEM: Final = "qos"
_DAY: Final = 86_400.0
"""Seconds between two warnings, and after the last such event until it counts as mended."""
_DROPS_EVERY: Final = 1.0
"""Seconds between two warnings about dropped events, of which there may be thousands."""


class EventsAtQos0:
    """Noticed whenever they come, because nobody else says that they are lost."""

    def __init__(self, *, health: Health, metrics: Metrics) -> None:
        self._health = health
        self._metrics = metrics
        self._daily = Seldom(_DAY)
        self._drops = Seldom(_DROPS_EVERY)
        self._drops_unlogged = 0
        self._came_at: float | None = None
        """When the last one came; None: none within a day."""

    def came(self) -> None:
        """Some came."""
        self._came_at = time.monotonic()
        self._health.problems[_PROBLEM] = AT_QOS_0
        if self._daily.is_due(_PROBLEM, now=self._came_at):
            logger.warning(AT_QOS_0)

    def dropped(self) -> None:
        """One was dropped. It is counted at once."""
        self._metrics.dropped.inc()
        self._drops_unlogged += 1
        if self._drops.is_due("", now=time.monotonic()):
            self.log_drops()
            self.came()

    def log_drops(self) -> None:
        """Say how many were dropped since the last time that it was said."""
        if self._drops_unlogged:
            logger.bind(count=self._drops_unlogged).warning(
                "Messages of QoS 0 were dropped, because they came faster than they could be recorded"
            )
            self._drops_unlogged = 0

    def look(self) -> None:
        """After a day without one, it counts as mended."""
        if self._came_at is not None and time.monotonic() - self._came_at >= _DAY:
            self._came_at = None
            self._health.problems.pop(_PROBLEM, None)
