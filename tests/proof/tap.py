"""A tap between gateway and broker: which uplinks were delivered to the gateway, and which of them it acknowledged.

An uplink that the gateway acknowledged and that is not in the database is lost by the gateway. An uplink that the broker
confirmed to the publisher, and that the gateway never acknowledged, is lost by the broker.
"""

from typing import Final
from uuid import UUID

import msgspec

from parking_gateway.broker.packets import split
from tests.plugins.proxy import Observe, Proxy

_LEVEL: Final = 8
"""Where the version of MQTT is in a CONNECT that is shorter than 128 bytes; one byte later in a longer one."""
_V5: Final = 5


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    deduplication_id: UUID


class Tap(Proxy):
    """A proxy that reads MQTT."""

    def __init__(self, target: int, **settings: str) -> None:
        self.delivered: set[UUID] = set()
        self.acknowledged: set[UUID] = set()
        super().__init__(target, **settings)

    def observers(self) -> tuple[Observe, Observe]:
        """Read both directions of one connection."""
        reading = _Reading(self)
        return reading.from_gateway, reading.from_broker


class _Reading:
    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self._is_v5 = False
        self._has_begun = False
        self._sent = b""
        self._received = b""
        self._open: dict[int, UUID] = {}
        """The uplinks that are not acknowledged, by packet id."""

    def from_gateway(self, data: bytes) -> None:
        self._sent += data
        if not self._has_begun:
            self._has_begun = True
            self._is_v5 = data[_LEVEL + (data[1] > 0x7F)] == _V5
        cut = split(self._sent, is_v5=self._is_v5)
        self._sent = self._sent[cut.end :]
        for one in cut.confirmations:
            if uplink := self._open.pop(one.mid, None):
                self._tap.acknowledged.add(uplink)

    def from_broker(self, data: bytes) -> None:
        self._tap.wait_while_stalled()
        self._received += data
        cut = split(self._received, is_v5=self._is_v5)
        self._received = self._received[cut.end :]
        for message in cut.messages:
            if message.topic.endswith("/event/up"):
                uplink = msgspec.json.decode(message.payload, type=_Event).deduplication_id
                self._open[message.mid] = uplink
                self._tap.delivered.add(uplink)
