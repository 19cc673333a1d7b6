"""A valve between gateway and broker: it swallows packets of one kind that the gateway sends, and counts them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from parking_gateway.cli.demo.brokers import LOCALHOST

PUBLISH: Final = 3
"""The type of a packet, by MQTT."""
PUBACK: Final = 4
_CHUNK: Final = 65_536


class Valve:
    """What it swallows. It begins open: everything goes through."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._kind: int | None = None
        self.port = 0
        self.swallowed = 0
        """Packets since it was closed the last time."""

    @property
    def url(self) -> str:
        """Where the gateway finds the broker."""
        return f"mqtt://{LOCALHOST}:{self.port}"

    def close(self, kind: int) -> None:
        """Swallow packets of this kind from now on."""
        self._kind, self.swallowed = kind, 0

    def open(self) -> None:
        """Let everything through. What was swallowed is gone."""
        self._kind = None

    async def connect(self, gateway: asyncio.StreamReader, to_gateway: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        broker, to_broker = await asyncio.open_connection(LOCALHOST, self._target)
        await asyncio.gather(_forward(broker, to_gateway), self._select(gateway, to_broker))

    async def _select(self, gateway: asyncio.StreamReader, to_broker: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):  # one end is gone, so the other is closed
            while True:
                packet = await _packet(gateway)
                if packet[0] >> 4 == self._kind:
                    self.swallowed += 1
                    continue
                to_broker.write(packet)
                await to_broker.drain()
        to_broker.close()


async def _packet(stream: asyncio.StreamReader) -> bytes:
    """The next packet, with its header. Raises IncompleteReadError."""
    header = await stream.readexactly(2)
    while header[-1] > 0x7F:
        header += await stream.readexactly(1)
    length = sum((one & 0x7F) << 7 * place for place, one in enumerate(header[1:]))
    return header + await stream.readexactly(length)


async def _forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # as above
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
    sink.close()


@asynccontextmanager
async def valve_before(target: int) -> AsyncIterator[Valve]:
    """Put a valve before a port of this machine."""
    valve = Valve(target)
    server = await asyncio.start_server(valve.connect, LOCALHOST, 0)
    valve.port = server.sockets[0].getsockname()[1]
    try:
        yield valve
    finally:
        server.close()
