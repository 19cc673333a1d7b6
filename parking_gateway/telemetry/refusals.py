"""Publications that the broker refuses: counted, logged once in a while for each kind, and a problem while they last."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from loguru import logger

from parking_gateway.broker.reasons import Refusal
from parking_gateway.contract.messages import kind_of
from parking_gateway.core.seldom import Seldom
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.metrics import Metrics
from parking_gateway.telemetry.recurring import Recurring

_EVERY: Final = 60.0
"""Seconds between two warnings about refused publications of one kind. Each is tried again every few seconds."""
_LASTS: Final = 120.0
"""Seconds after the last refusal for which they are a problem. A kind that was set aside is tried again after a minute."""
_PROBLEM: Final = "refused publications"
_OURS: Final = (
    "The broker refuses publications, such as on {topic} ({reason}), so subscribers see an old state there: let its ACL"
    " allow the gateway to publish below {root}/"
)
_ELSEWHERE: Final = (
    "The broker refuses publications, such as on {topic} ({reason}): let its ACL allow the gateway to publish there"
)
"""Downlinks, announcements to Home Assistant, and replies to topics that requesters have named."""


class Refusals:
    """Those of one gateway."""

    def __init__(self, root: str, *, health: Health, metrics: Metrics, recurring: Recurring) -> None:
        """`root`: the first levels of the topics of the car park."""
        self._root = root
        self._health = health
        self._metrics = metrics
        self._recurring = recurring
        self._seldom = Seldom(_EVERY)
        self._unlogged: Counter[str] = Counter()
        """Since the last warning, by kind."""

    def took(self, refusals: Sequence[Refusal]) -> None:
        """The broker has refused these publications."""
        if not refusals:
            return
        self._metrics.refused.inc(len(refusals))
        by_kind = {kind_of(refusal.topic, root=self._root): refusal for refusal in refusals}
        self._unlogged.update(kind_of(refusal.topic, root=self._root) for refusal in refusals)
        for kind, refusal in by_kind.items():
            if self._seldom.is_due(kind, now=self._health.seconds()):
                logger.bind(
                    kind=kind, topic=refusal.topic, error=refusal.reason, count=self._unlogged.pop(kind)
                ).warning("The broker refuses a publication; its ACL has to allow it")
        self._recurring.happened(_PROBLEM, self._sentence(refusals[0]), lasts=_LASTS)

    def _sentence(self, refusal: Refusal) -> str:
        sentence = _OURS if refusal.topic.startswith(f"{self._root}/") else _ELSEWHERE
        return sentence.format(topic=refusal.topic, reason=refusal.reason, root=self._root)
