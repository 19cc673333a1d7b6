"""The retained messages of the car park, as a subscriber receives them that begins now."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

from parking_gateway.cli.demo.publisher import connected_client
from parking_gateway.cli.demo.recorded import DatabaseContents, place_of
from parking_gateway.cli.demo.retained import ROOT

STATUS: Final = f"{ROOT}/gateways/{{instance}}"
"""The topic of a gateway's retained status, which its will replaces."""
EVERYTHING: Final = f"{ROOT}/#"
_QUIET: Final = 2.0
"""Seconds without another retained message, after which none is expected."""


def topics_of(contents: DatabaseContents) -> list[str]:
    """The topics that have a retained message, without those of the gateways."""
    return [
        *(f"{ROOT}/spaces/{place_of(space)}" for space in contents.spaces),
        *(f"{ROOT}/zones/{site}/{zone}" for site, zone in contents.zones),
        *(f"{ROOT}/sites/{site}" for site in {site for site, _ in contents.zones}),
        *(f"{ROOT}/devices/{device.dev_eui}" for device in contents.devices),
    ]


async def read(broker_url: str, filters: Sequence[str], expected: Collection[str]) -> dict[str, bytes]:
    """The retained messages that these subscriptions receive, by topic, until all expected ones have come or no more come.

    HiveMQ sends retained messages in pieces, and other messages between them. So no message can mark their end.
    """
    found: dict[str, bytes] = {}
    missing = {*expected}
    async with connected_client(broker_url) as client:
        await client.subscribe([(one, 1) for one in filters])
        with suppress(TimeoutError):
            async with asyncio.timeout(_QUIET) as quiet:
                async for message in client.messages:
                    if message.retain and isinstance(message.payload, bytes):
                        quiet.reschedule(asyncio.get_running_loop().time() + _QUIET)
                        found[message.topic.value] = message.payload
                        missing.discard(message.topic.value)
                        if not missing:
                            return found
    return found
