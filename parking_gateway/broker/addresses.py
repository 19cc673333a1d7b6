"""Which address of `mqtt.url` is tried next, and how long an attempt may take."""

from datetime import timedelta
from typing import Final

from parking_gateway.process.config.mqtt import MqttConfig

_FIRST_ROUND: Final = 1.0
"""Seconds for which the first round waits for an address. Each later round waits twice as long, up to `mqtt.timeout`."""
_MOST_DOUBLINGS: Final = 16


class Addresses:
    """All of them, in rounds: each is tried once, and only a whole round that failed is followed by a wait.

    A connection that has lasted is made again at its own address first, because that node has the session. After another
    failure, the next address is tried. The gateway stays where it is when an earlier address is back.
    """

    def __init__(self, config: MqttConfig) -> None:
        self._all = config.each()
        self._at = 0
        self._left = len(self._all)
        """Attempts of the present round."""

    @property
    def here(self) -> MqttConfig:
        """The configuration for the present address alone."""
        return self._all[self._at]

    @property
    def has_others(self) -> bool:
        """Whether there are several."""
        return len(self._all) > 1

    @property
    def is_round_over(self) -> bool:
        """Whether every address was tried since a connection has lasted."""
        return not self._left or not self.has_others

    def patience(self, rounds: int) -> timedelta | None:
        """The time for an attempt after so many rounds that failed. None: `mqtt.timeout`, because there is no other address."""
        if not self.has_others:
            return None
        return min(timedelta(seconds=_FIRST_ROUND * 2 ** min(rounds, _MOST_DOUBLINGS)), self.here.timeout)

    def ended(self, *, has_lasted: bool) -> None:
        """Go on after a connection, or an attempt to make one."""
        if has_lasted:
            self._left = len(self._all)
        else:
            self._left = (self._left or len(self._all)) - 1
            self._at = (self._at + 1) % len(self._all)
