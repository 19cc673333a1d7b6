"""A lamp above a space, and the ChirpStack that sends it the downlinks of the gateway."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final
from uuid import UUID, uuid4

import aiomqtt
import msgspec

from parking_gateway.cli.demo.car_park import LAMP
from parking_gateway.cli.demo.fleet import TimedEvent, event_of
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.publisher import connected_client
from parking_gateway.cli.demo.up_events import device_info, event_topic
from parking_gateway.register.entries import Place

COLOURS: Final = {"0000ffff00": "FREE", "ff0000ff00": "OCCUPIED", "00ff00ff00": "RESERVED", "ff00ff6464": "MAINTENANCE"}
"""The state that a colour of the lamp means: green, red, blue, flashing yellow."""
_PORT: Final = 15
_EVERY: Final = timedelta(seconds=30)
_LORAWAN_GATEWAY: Final = "02dec0de9a7e0001"


class Command(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is needed of a downlink for ChirpStack."""

    id: UUID
    f_port: int
    data: bytes
    confirmed: bool = False


def events(*, start: datetime, seed: int) -> Iterator[TimedEvent]:
    """The keep-alives of the lamp, endless and from a seed. Pure, as `fleet`."""
    rng = Random(f"{seed} {LAMP.dev_eui}")  # noqa: S311 - a simulation, which has to repeat itself
    for f_cnt in count():
        at = start + f_cnt * _EVERY
        # Signal, counts of downlinks and uplinks, colour, times, versions.
        payload = (
            bytes.fromhex("c8ffffff 09000000")
            + bytes(4)
            + f_cnt.to_bytes(4, "little")
            + bytes.fromhex("0000ffff00420c01")
        )
        yield event_of(LAMP, (_PORT, payload), at=at, f_cnt=f_cnt, rng=rng)


def expect_light(ledger: Ledger, place: Place, *, seed: int) -> None:
    """Note that the lamp has to show something, if it was heard. Without an event of it, the gateway cannot reach it."""
    first = next(events(start=datetime.now(UTC), seed=seed)).uplink
    if first.deduplication_id in ledger.confirmed:
        ledger.lamps.setdefault(place, "nothing")


async def shine(broker_url: str, place: Place, ledger: Ledger) -> None:
    """Take every downlink for the lamp, and report it as sent and acknowledged. It never ends. Raises MqttError."""
    async with connected_client(broker_url) as client:
        await client.subscribe(event_topic(LAMP, "up").replace("event/up", "command/down"), qos=1)
        async for message in client.messages:
            if isinstance(message.payload, bytes):
                command = msgspec.json.decode(message.payload, type=Command)
                ledger.lamps[place] = COLOURS.get(command.data.hex(), "unknown")
                await _report(client, "txack", queueItemId=command.id, gatewayId=_LORAWAN_GATEWAY)
                await _report(
                    client, "ack", queueItemId=command.id, acknowledged=True, deduplicationId=uuid4(), fCntDown=1
                )


async def _report(client: aiomqtt.Client, event: str, **fields: Any) -> None:
    content = {"time": datetime.now(UTC), "deviceInfo": device_info(LAMP), **fields}
    await client.publish(event_topic(LAMP, event), msgspec.json.encode(content), qos=1)
