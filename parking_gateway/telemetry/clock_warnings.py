"""Warnings about clocks: once an hour for every LoRaWAN gateway, because each goes on until somebody sets its clock."""

import time
from collections.abc import Iterable

from loguru import logger

from parking_gateway.telemetry.hourly import Hourly
from parking_gateway.uplink import DeviceEvent, Uplink


def warn(wrong_clocks: Iterable[Uplink | DeviceEvent], held_back: Iterable[Uplink], hourly: Hourly) -> None:
    """Say whose time was not believed, and which uplinks changed nothing for it, as far as `hourly` has not said it."""
    now = time.monotonic()
    for event in wrong_clocks:
        wrong = event.wrong_clock
        if wrong and hourly.is_due(f"wrong clock of {wrong.receiver}", now=now):
            logger.bind(
                lorawan_gateway=wrong.receiver,
                claimed=wrong.claimed,
                seconds_ahead=round((wrong.claimed - event.heard_at).total_seconds(), 3),
                dev_eui=event.device.dev_eui,
            ).warning(
                "The clock of a LoRaWAN gateway is wrong; its uplinks are dated without it"
                if wrong.receiver
                else "The clock of the network server or of this machine is wrong"
            )
    for uplink in held_back:
        receiver = uplink.wrong_clock.receiver if uplink.wrong_clock else None
        if hourly.is_due(f"held back by {receiver}", now=now):
            logger.bind(
                lorawan_gateway=receiver,
                dev_eui=uplink.device.dev_eui,
                f_cnt=uplink.f_cnt,
                heard_at=uplink.heard_at,
                deduplication_id=uplink.deduplication_id,
            ).warning("An uplink counts as older although its frame counter is higher, because a clock was set back")
