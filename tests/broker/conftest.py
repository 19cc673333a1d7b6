"""Brokers for the tests, and the law of this folder: no test leaves a task or a socket behind."""

import asyncio
import gc
import json
import re
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_fixed

from parking_gateway.broker import paho_connection
from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.brokers import Broker
from tests.plugins.broker import Configured
from tests.plugins.tls import Certificates

_DISCONNECT: Final = 0xE0
Settings = dict[str, Any]
WebSocketBroker = Callable[..., str]
Listening = Callable[..., int]
Scripted = Callable[[Callable[["Peer"], Awaitable[None]]], Awaitable[str]]


@pytest.fixture(params=["5", "3.1.1", "5 plain", "3.1.1 plain"])
def mqtt(request: pytest.FixtureRequest) -> Settings:
    """`[mqtt]` for each version of MQTT, over the fast connection and over the plain one."""
    return {"protocol": request.param.split()[0], "direct": "plain" not in request.param}


@pytest.fixture
def websocket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebSocketBroker]:
    """Starts an amqtt with WebSocket, because Debian's Mosquitto has none. Returns its URL."""
    monkeypatch.setattr(paho_connection, "FAREWELL_SECONDS", 0.2)  # because amqtt does not hang up after DISCONNECT
    with ExitStack() as stack:

        def start(certificates: Certificates | None = None) -> str:
            port = brokers.free_port()
            listener: dict[str, Any] = {"type": "ws", "bind": f"{brokers.LOCALHOST}:{port}"}
            if certificates is not None:
                listener |= {"ssl": True, "certfile": str(certificates.server), "keyfile": str(certificates.server_key)}
            conf = tmp_path / "amqtt.json"
            conf.write_text(
                json.dumps(
                    {
                        "listeners": {"default": listener},
                        "plugins": {"parking_gateway.cli.demo.amqtt_broker.AnyClient": {}},
                    }
                )
            )
            command = (sys.executable, "-m", "amqtt.scripts.broker_script", "-c", str(conf))
            broker = Broker(command, name="amqtt", protocols=("3.1.1",), port=port, log=tmp_path / "amqtt.log")
            broker.start()
            stack.callback(broker.stop)
            return f"{'ws' if certificates is None else 'wss'}://{brokers.LOCALHOST}:{port}"

        yield start


class Peer:
    """The client, as a scripted broker sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def packet(self) -> tuple[int, bytes]:
        """Its next packet: first byte and body. (0, b"") after DISCONNECT or the end of the connection."""
        try:
            first, length = await self._reader.readexactly(2)
            for place in range(1, 4):
                if length >> (7 * place) == 0 or not length & 1 << (7 * place):
                    break
                (more,) = await self._reader.readexactly(1)
                length = length & (1 << (7 * place)) - 1 | more << (7 * place)
            body = await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, b""
        return (0, b"") if first == _DISCONNECT else (first, body)

    async def connect(self) -> None:
        """Accept its CONNECT."""
        _, body = await self.packet()
        await self.send(b"\x20\x03\x00\x00\x00" if body[6] == 5 else b"\x20\x02\x00\x00")

    def reset(self) -> None:
        """Reset the connection."""
        connection: socket.socket = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """Send it these bytes."""
        self._writer.write(data)
        await self._writer.drain()


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    """A broker that runs a script of the test, and hangs up at its end. Returns its URL."""
    servers: list[asyncio.Server] = []

    async def serve(converse: Callable[[Peer], Awaitable[None]]) -> str:
        async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await converse(Peer(reader, writer))
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve_client, brokers.LOCALHOST, 0)
        servers.append(server)
        return f"mqtt://{brokers.LOCALHOST}:{server.sockets[0].getsockname()[1]}"

    yield serve
    for server in servers:
        server.close()
        await server.wait_closed()


class PacketLog:
    """The log of Mosquitto: the packets that it received and sent."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def lines(self, pattern: str) -> list[str]:
        """The matches of the pattern's group, in order."""
        return re.findall(pattern, self._log.read_text())

    async def contains(self, pattern: str, *, times: int = 1) -> None:
        """Wait until the log contains it. A broker gives no other sign that a packet was handled."""
        looking = AsyncRetrying(
            retry=retry_if_result(lambda found: len(found) < times), wait=wait_fixed(0.01), stop=stop_after_delay(10)
        )
        try:
            await looking(self._look, pattern)
        except RetryError:
            pytest.fail(f"The log of Mosquitto does not contain {pattern!r}:\n{self._log.read_text()[-2000:]}")

    async def _look(self, pattern: str) -> list[str]:
        return self.lines(pattern)


@pytest.fixture
def packet_log(tmp_path: Path) -> PacketLog:
    """Of the Mosquitto that `configured` started with `log_type all`."""
    return PacketLog(tmp_path / "mosquitto.log")


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    """No task, no open socket, no complaint of the event loop."""
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    sockets = _sockets()
    gc.freeze()  # so that only what the test made is looked through at its end
    yield
    gc.collect()
    gc.unfreeze()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert _sockets() - sockets == set()
    assert complaints == []


def _sockets() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one with which we look
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("socket:")}


@pytest.fixture
def secured(configured: Configured, certificates: Certificates) -> Listening:
    """Starts a Mosquitto with TLS; returns the port."""

    def listen(lines: str = "", *, address: str = brokers.LOCALHOST, is_expired: bool = False) -> int:
        port = brokers.free_port()
        configured(
            f"listener {port} {address}\ncafile {certificates.ca}\n"
            f"certfile {certificates.expired if is_expired else certificates.server}\n"
            f"keyfile {certificates.expired_key if is_expired else certificates.server_key}\n{lines}\n"
        )
        return port

    return listen
