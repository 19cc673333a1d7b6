"""Senders: the devices with new uplinks, so that a round looks at no other device."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from parking_gateway.core.events import DevEui, Uplink

_MOST_DEVICES: Final = 30_000
"""Devices that are remembered between two rounds, in 6 MB: more than a million sensors make in ten seconds of a rush hour. Those
beyond, in a large backlog, are looked at after another uplink."""


class Senders:
    """The devices with new uplinks, each with the time when the oldest of them was heard.

    A device is looked at in the round after the one in which it became known, because ChirpStack
    publishes every event from a task of its own, and events overtake each other.
    """

    def __init__(self) -> None:
        self.due: dict[DevEui, datetime] = {}
        """The devices of this round."""
        self._new: dict[DevEui, datetime] = {}

    def recorded(self, uplinks: Sequence[Uplink]) -> None:
        """Remember the devices of these uplinks, which are committed. It takes 0.2 µs for each."""
        new = self._new
        for uplink in uplinks:
            dev_eui, heard_at = uplink.device.dev_eui, uplink.heard_at
            since = new.get(dev_eui)
            if since is None and len(new) >= _MOST_DEVICES:
                continue
            if since is None or heard_at < since:
                new[dev_eui] = heard_at

    def looked(self, devices: Collection[DevEui]) -> None:
        """These were looked at. A round that fails after some of its devices goes on with the others."""
        for dev_eui in devices:
            del self.due[dev_eui]

    def turn(self) -> None:
        """The round is over. The devices that became known meanwhile are due in the next one."""
        self.due, self._new = self._new, {}
