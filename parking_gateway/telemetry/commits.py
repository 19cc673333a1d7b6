"""What the log and the metrics get of a committed transaction, whatever its cause."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from loguru import logger

from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DeadLetter
from parking_gateway.core.seldom import Seldom
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.telemetry import clock_warnings, losses
from parking_gateway.telemetry.excess import Excess
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.metrics import Metrics
from parking_gateway.telemetry.recurring import Recurring

_CLOCKS_EVERY: Final = 3600.0
"""Seconds between two warnings about one clock. It is wrong until a person sets it."""
_CLOCK_LASTS: Final = 600.0
"""Seconds after the last event that the clock of the network server or of this machine contradicts."""
_EXAMPLES: Final = 5


class Commits:
    """Counts them, and warns of what a person should look at."""

    def __init__(self, *, health: Health, metrics: Metrics, recurring: Recurring, clock: WallClock) -> None:
        self.lag_seconds = 0.0
        """From the time of the oldest uplink of the last batch to its commit."""
        self._health = health
        self._metrics = metrics
        self._recurring = recurring
        self._clock = clock
        self._clocks = Seldom(_CLOCKS_EVERY)
        self._excess = Excess(health, recurring)

    def report(self, committed: Committed) -> None:
        """Count it, and warn."""
        self._metrics.count_committed(committed, lag := self._lag(committed))
        self.lag_seconds = self.lag_seconds if lag is None else lag
        if committed.wrong_clocks or committed.held_back:
            clock_warnings.warn(committed.wrong_clocks, committed.held_back, self._clocks, now=self._health.seconds())
            if any(event.wrong_clock and not event.wrong_clock.receiver for event in committed.wrong_clocks):
                self._recurring.happened("clock", clock_warnings.OURS, lasts=_CLOCK_LASTS)
        if committed.rejected:
            _warn_of(committed.rejected)
            self._excess.committed(committed)
        if committed.lost:
            logger.bind(count=len(committed.lost), dev_euis=committed.lost[:_EXAMPLES]).warning(
                "Sensors are lost: no uplink came for longer than lost_after; the states of their spaces are kept"
            )
        if committed.uplinks_lost or committed.uplinks_healed:
            losses.log(committed.uplinks_lost, healed=committed.uplinks_healed)

    def _lag(self, committed: Committed) -> float | None:
        if not committed.recorded:
            return None
        oldest = min(uplink.heard_at for uplink in committed.recorded)
        return max((self._clock() - oldest).total_seconds(), 0.0)


def _warn_of(letters: Sequence[DeadLetter]) -> None:
    """One warning for each reason of a rejection."""
    counts = Counter(letter.rejection.reason for letter in letters)
    for reason, letter in {letter.rejection.reason: letter for letter in letters}.items():
        logger.bind(
            deduplication_id=letter.deduplication_id,
            topic=letter.topic,
            reason=reason,
            detail=letter.rejection.detail,
            left_out=counts[reason] - 1,
        ).warning("Rejected a message")
