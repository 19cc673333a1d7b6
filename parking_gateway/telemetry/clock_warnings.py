"""Warnings about wrong clocks. A clock stays wrong until somebody sets it, so each LoRaWAN gateway is named seldom."""

from collections.abc import Iterable
from typing import Final

from loguru import logger

from parking_gateway.core.events import DeviceEvent, Uplink
from parking_gateway.core.seldom import Seldom

OURS: Final = (
    "The clock of the network server or of this machine is wrong: compare both with another clock (timedatectl), and let"
    " both use NTP"
)


def warn(
    wrong_clocks: Iterable[Uplink | DeviceEvent], held_back: Iterable[Uplink], seldom: Seldom, *, now: float
) -> None:
    """Log each clock that was not believed, and each uplink that a clock held back, as often as `seldom` allows."""
    for event in wrong_clocks:
        wrong = event.wrong_clock
        if wrong and seldom.is_due(f"wrong clock of {wrong.receiver}", now=now):
            logger.bind(
                lorawan_gateway=wrong.receiver,
                claimed=wrong.claimed,
                seconds_ahead=round((wrong.claimed - event.heard_at).total_seconds(), 3),
                dev_eui=event.device.dev_eui,
            ).warning(
                "The clock of a LoRaWAN gateway is wrong; its uplinks are dated without it" if wrong.receiver else OURS
            )
    for uplink in held_back:
        receiver = uplink.wrong_clock.receiver if uplink.wrong_clock else None
        if seldom.is_due(f"held back by {receiver}", now=now):
            logger.bind(
                lorawan_gateway=receiver,
                dev_eui=uplink.device.dev_eui,
                f_cnt=uplink.f_cnt,
                heard_at=uplink.heard_at,
                deduplication_id=uplink.deduplication_id,
            ).warning("An uplink counts as older although its frame counter is higher, because a clock was set back")
