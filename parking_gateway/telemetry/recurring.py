"""Problems that consist of single events, such as dropped messages. Each lasts until no such event came for a while."""

from loguru import logger

from parking_gateway.telemetry.health import Health


class Recurring:
    """Shows them in the health while they last. Their beginning is logged by the one who counts the events."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._began: dict[str, float] = {}
        self._until: dict[str, float] = {}

    def happened(self, about: str, sentence: str, *, lasts: float) -> None:
        """One more event. The problem is over `lasts` seconds after the last one."""
        now = self._health.seconds()
        self._health.problems[about] = sentence
        self._began.setdefault(about, now)
        self._until[about] = now + lasts

    def expire(self) -> None:
        """End the problems that have not recurred, and log it."""
        now = self._health.seconds()
        for about in [one for one, until in self._until.items() if until <= now]:
            seconds = round(self._until.pop(about) - self._began.pop(about), 1)
            sentence = self._health.problems.pop(about, None)
            logger.bind(about=about, seconds=seconds, problem=sentence).info("A problem is over")
