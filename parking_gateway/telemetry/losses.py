"""Uplinks that are missing by their frame counters: a line of the log for each round, and what subscribers have to get."""

from collections.abc import Mapping
from itertools import islice
from typing import Final

import msgspec
from loguru import logger

from parking_gateway.core.events import DevEui

MOST_DEVICES: Final = 100
"""Devices of one message."""
_EXAMPLES: Final = 5


class Unpublished(msgspec.Struct, frozen=True):
    """Losses that are not published yet."""

    uplinks: int = 0
    devices: Mapping[DevEui, int] = {}
    """At most `MOST_DEVICES`."""


class Losses:
    """Logs them, and holds them until they are published."""

    def __init__(self) -> None:
        self.unpublished: Unpublished | None = None

    def found(self, devices: Mapping[DevEui, int], *, healed: int) -> None:
        """New losses of these devices, and uplinks that were missing and have come."""
        if devices:
            uplinks = sum(devices.values())
            examples = list(islice(devices, _EXAMPLES))
            logger.bind(uplinks=uplinks, devices=len(devices), dev_euis=examples).warning(
                "Uplinks are missing by their frame counters"
            )
            before = self.unpublished or Unpublished()
            by_device = dict(before.devices)
            for dev_eui, count in devices.items():
                if dev_eui in by_device or len(by_device) < MOST_DEVICES:
                    by_device[dev_eui] = by_device.get(dev_eui, 0) + count
            self.unpublished = Unpublished(before.uplinks + uplinks, by_device)
        if healed:
            logger.bind(uplinks=healed).info("Missing uplinks have come")

    def published(self, losses: Unpublished) -> None:
        """The broker has confirmed these."""
        if self.unpublished is losses:
            self.unpublished = None
