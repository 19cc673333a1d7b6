"""What a publisher of events sends beyond the bounds: new devices, and bytes of rejections."""

from collections.abc import Mapping
from typing import Final

from loguru import logger

from parking_gateway.core.committed import Committed
from parking_gateway.core.events import Reason
from parking_gateway.telemetry.health import Health

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
    """Logs the beginning of each excess and its end, and shows it in the health meanwhile."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._last: dict[str, float] = {}
        """When the last excess was committed."""

    def committed(self, committed: Committed) -> None:
        """Look at the rejections of a commit."""
        for letter in committed.rejected:
            if letter.rejection.reason is Reason.TOO_MANY_DEVICES:
                self._exceeded(_DEVICES)
            if letter.is_cut:
                self._exceeded(_BYTES)

    def expire(self) -> None:
        """End each problem an hour after its last excess."""
        for about, at in list(self._last.items()):
            if self._health.seconds() - at >= _HOUR:
                del self._last[about]
                self._health.problems.pop(about, None)
                logger.bind(about=about).info("Nothing was beyond the bound for an hour")

    def _exceeded(self, about: str) -> None:
        if about not in self._last:
            self._health.problems[about] = _SENTENCES[about]
            logger.warning(_SENTENCES[about])
        self._last[about] = self._health.seconds()
