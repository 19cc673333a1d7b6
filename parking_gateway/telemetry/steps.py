"""Changes of spaces in the log, by the names of the spaces, as they are published.

In a city, each uplink can change a space. So a minute has a limited number of these lines, and one line with the number of all
others.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from loguru import logger

from parking_gateway.core.allowance import Allowance
from parking_gateway.core.due import Due, DueSpace, DueStep
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.telemetry.prose import CHANGED, MORE_CHANGED

MOST: Final = 60
"""Lines of a minute. 10,000 spaces have about 70 changes in a minute of the day."""
_MINUTE: Final = timedelta(minutes=1)
_LENGTH_OF_ID: Final = 36
"""Characters of a UUID. The cause of a step is the deduplication id of an uplink, or words."""


class Steps:
    """Those of one gateway."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._allowance = Allowance(MOST, _MINUTE)
        self._left_out = 0
        self._counting_since: datetime | None = None

    def published(self, rows: Iterable[Due]) -> None:
        """These rows were published, with their steps."""
        steps = [(row, step) for row in rows if isinstance(row, DueSpace) for step in row.steps]
        if not steps:
            return
        now = self._clock()
        shown = steps[: self._allowance.left(now)]
        self._allowance.use(len(shown), now)
        for row, step in shown:
            _log(row, step, now)
        if len(shown) < len(steps):
            self._left_out += len(steps) - len(shown)
            self._counting_since = self._counting_since or now

    def expire(self) -> None:
        """Log how many were left out, once in a minute. Called every second."""
        if self._counting_since is None or self._clock() - self._counting_since < _MINUTE:
            return
        logger.bind(steps=self._left_out).info(MORE_CHANGED)
        self._left_out, self._counting_since = 0, None


def _log(row: DueSpace, step: DueStep, now: datetime) -> None:
    is_old = abs(now - step.at) > _MINUTE
    logger.bind(
        site=row.site,
        zone=row.zone,
        space=row.space,
        before=step.before,
        after=step.after,
        cause=step.cause,
        by=None if len(step.cause) == _LENGTH_OF_ID else step.cause,
        at=f"{step.at:%Y-%m-%d %H:%M:%S} UTC" if is_old else None,
        corrects=step.corrects,
        withdrawn=step.is_withdrawn,
    ).info(CHANGED)
