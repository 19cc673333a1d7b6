"""The check of several addresses in `mqtt.url`: each has to answer, or nothing can take the place of the others."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from parking_gateway.broker.asking import asking
from parking_gateway.broker.link import MqttError
from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.printable import in_one_line
from parking_gateway.process.config.mqtt import MqttConfig

_ANSWERS_WITHIN: Final = timedelta(seconds=5)
"""If there are several. It leaves time for the other checks."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One address after an attempt to connect."""

    here: MqttConfig
    """The configuration for it alone, with the version of MQTT that it knows."""
    error: str | None = None
    """Why there is no connection. None: there is one."""


async def tried(config: MqttConfig, *, deadline: timedelta) -> list[Tried]:
    """Connect to each address, to all at a time."""
    each = config.each()
    limit = config.timeout if len(each) == 1 else min(config.timeout, _ANSWERS_WITHIN)
    return await asyncio.gather(
        *(_tried(one, number, limit=limit, deadline=deadline) for number, one in enumerate(each))
    )


async def _tried(here: MqttConfig, number: int, *, limit: timedelta, deadline: timedelta) -> Tried:
    quick = here.model_copy(update={"timeout": limit})
    try:
        async with (
            asyncio.timeout(deadline.total_seconds()),
            asking(quick, name=f"doctor-{os.getpid()}-{number}") as link,
        ):
            return Tried(here=here.model_copy(update={"protocol": link.protocol}))
    except TimeoutError:
        return Tried(here=here, error="it did not answer in time")
    except (MqttError, OSError) as error:
        return Tried(here=here, error=in_one_line(error))


def examine_addresses(found: Sequence[Tried]) -> Iterator[Check]:
    """The addresses that cannot be used while another one can. Nothing if there is one address, or none can be used."""
    usable = [one.here.address for one in found if one.error is None]
    if len(found) == 1 or not usable:
        return
    others = f"the gateway works with {' and '.join(usable)}"
    for one in found:
        if one.error is not None:
            redundancy = "; nothing takes its place if it fails" if len(usable) == 1 else ""
            yield Check(
                about="addresses",
                detail=f"{one.here.address} of mqtt.url cannot be used ({one.error}); {others}{redundancy}",
                fix="Correct that broker, or mqtt.url",
                can_wait=True,
            )
    if len(usable) == len(found):
        yield Check(about="addresses", detail=f"all {len(found)} of mqtt.url can be used: {', '.join(usable)}")
