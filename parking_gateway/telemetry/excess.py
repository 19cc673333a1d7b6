"""What a publisher of events sends beyond the bounds: new devices, and bytes of rejections."""

from collections.abc import Mapping
from typing import Final

from loguru import logger

from parking_gateway.core.committed import Committed
from parking_gateway.core.events import Reason
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.recurring import Recurring

_DEVICES, _BYTES = "new devices", "rejected bytes"
_SENTENCES: Final[Mapping[str, str]] = {
    _DEVICES: (
        "More new devices came within an hour than limits.new_devices_per_hour: their uplinks are recorded, and they get"
        " no rows yet; look who publishes on the topics of events, or raise the limit"
    ),
    _BYTES: (
        "More bytes were rejected within an hour than limits.rejected_bytes_per_hour: rejections are stored without their"
        " payloads; look at parking-gateway rejections list, or raise the limit"
    ),
}
_HOUR: Final = 3600.0
"""Seconds after the last excess for which it is a problem."""


class Excess:
    """Logs the beginning of each excess, and makes it a problem of the health until an hour after its last."""

    def __init__(self, health: Health, recurring: Recurring) -> None:
        self._health = health
        self._recurring = recurring

    def committed(self, committed: Committed) -> None:
        """Look at the rejections of a commit."""
        for letter in committed.rejected:
            if letter.rejection.reason is Reason.TOO_MANY_DEVICES:
                self._exceeded(_DEVICES)
            if letter.is_cut:
                self._exceeded(_BYTES)

    def _exceeded(self, about: str) -> None:
        if about not in self._health.problems:
            logger.warning(_SENTENCES[about])
        self._recurring.happened(about, _SENTENCES[about], lasts=_HOUR)
