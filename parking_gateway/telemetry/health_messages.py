"""The retained health message, with rates since the one before."""

from datetime import datetime
from typing import Final

from parking_gateway import __version__
from parking_gateway.contract.gateways import HealthMessage, JournalMessage
from parking_gateway.core.printable import printable, shortened
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.metrics import Metrics, Totals

_LONGEST_REASON: Final = 500
"""Characters of an error in the health message."""


class HealthMessages:
    """Those of one gateway."""

    def __init__(self, *, health: Health, metrics: Metrics, started: datetime, clock: WallClock) -> None:
        self._health = health
        self._metrics = metrics
        self._started = started
        self._clock = clock
        self._last: tuple[datetime, Totals] = (started, metrics.totals())

    def message(self, *, inbox: int, outbox: int, lag_seconds: float) -> HealthMessage:
        """The health of the gateway, with rates since the last call."""
        health = self._health
        now, totals = self._clock(), self._metrics.totals()
        then, before = self._last
        self._last = (now, totals)
        journal = health.journal()
        return HealthMessage(
            version=__version__,
            uptime_seconds=round((now - self._started).total_seconds()),
            uplinks=totals.recorded,
            uplinks_per_second=round((totals.recorded - before.recorded) / max((now - then).total_seconds(), 0.001), 1),
            duplicates=totals.duplicates,
            rejections=totals.rejected,
            transitions=totals.transitions,
            published=totals.published,
            inbox=inbox,
            outbox=outbox,
            lag_seconds=round(lag_seconds, 3),
            database="up" if health.is_database_up else "down",
            broker="up" if health.is_broker_up else "down",
            broker_address=health.broker_address,
            updated=now,
            ready=not health.missing(),
            missing=health.missing(),
            why=[printable(shortened(reason, _LONGEST_REASON)) for reason in health.why()],
            database_since=health.database_since,
            oldest_event_seconds=round(health.oldest_event_age(), 3),
            events_at_qos_0=totals.at_qos_0,
            dropped=totals.dropped,
            unassigned=totals.unassigned,
            without_codec=totals.without_codec,
            problems=list(health.problems.values()),
            lost=totals.uplinks_lost,
            healed=totals.uplinks_healed,
            journal=JournalMessage(
                rows=journal.rows, bytes=journal.bytes, oldest=journal.oldest, dropped=journal.dropped
            ),
        )
