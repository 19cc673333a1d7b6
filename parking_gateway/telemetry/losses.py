"""Uplinks that are missing by their frame counters: a line of the log for each round."""

from collections.abc import Mapping
from itertools import islice
from typing import Final

from loguru import logger

from parking_gateway.core.events import DevEui

_EXAMPLES: Final = 5


def log(devices: Mapping[DevEui, int], *, healed: int) -> None:
    """New losses of these devices, and uplinks that were missing and have come."""
    if devices:
        examples = list(islice(devices, _EXAMPLES))
        logger.bind(uplinks=sum(devices.values()), devices=len(devices), dev_euis=examples).warning(
            "Uplinks are missing by their frame counters"
        )
    if healed:
        logger.bind(uplinks=healed).info("Missing uplinks have come")
