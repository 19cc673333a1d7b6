"""The gateway in a process of its own, configured by environment variables, with its log in a file."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, NoReturn
from urllib.request import urlopen

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from parking_gateway.process.environment import without_settings
from parking_gateway.web.passwords import hash_of

BOARD_PORT: Final = 8090
"""Of the board, unless another program uses it. It is the same at every start, so that an open page finds the next demo."""
VISITOR: Final = "visitor"
PASSWORD: Final = "parking-demo"  # noqa: S105 - it is printed
"""Not secret, because the board listens to this machine only."""
STOP_SECONDS: Final = 5
"""The default of `gateway.stop_timeout`."""
_READY_SECONDS: Final = 30
_GRACE_SECONDS: Final = 5
"""How long the gateway may take to close everything after `gateway.stop_timeout`."""
_LAST_LINES: Final = 15


class GatewayDied(Exception):  # noqa: N818 - it is what happened
    """The gateway ended too early or too late. The message has the last lines of its log."""


class GatewayProcess:
    """A running gateway."""

    def __init__(self, process: asyncio.subprocess.Process, *, log: Path, base_url: str, board_url: str) -> None:
        self.base_url = base_url
        """Of its pages: /metrics, /healthz, /readyz."""
        self.board_url = board_url
        """Of the board, for a browser."""
        self._process = process
        self._log = log

    async def ready(self) -> None:
        """Wait until /readyz has status 200. Raises GatewayDied."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(OSError),  # the errors of urllib are OSErrors too
            wait=wait_fixed(0.05),
            stop=stop_after_delay(_READY_SECONDS),
            retry_error_callback=lambda _: self._fail(f"was not ready after {_READY_SECONDS} s"),
        ):
            with attempt:
                if self._process.returncode is not None:
                    self._fail(f"ended with status {self._process.returncode}")
                await asyncio.to_thread(_read, f"{self.base_url}/readyz")

    async def died(self) -> NoReturn:
        """Raise GatewayDied as soon as the process ends."""
        status = await self._process.wait()
        self._fail(f"ended with status {status}")

    async def stop(self) -> None:
        """Send SIGTERM and wait for exit status 0. Raises GatewayDied."""
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS + _GRACE_SECONDS):
                status = await self._process.wait()
        except TimeoutError:
            self._fail(f"still ran {STOP_SECONDS + _GRACE_SECONDS} s after SIGTERM")
        if status != 0:
            self._fail(f"ended with status {status} after SIGTERM")

    async def kill(self) -> None:
        """End it with SIGKILL if it still runs."""
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _fail(self, problem: str) -> NoReturn:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        raise GatewayDied("\n  ".join([f"The gateway {problem}. The end of its log:", *(lines or ["empty"])]))


@asynccontextmanager
async def running(folder: Path, *, broker: Broker, database_url: str) -> AsyncIterator[GatewayProcess]:
    """A gateway for this broker and this database, started, and killed at the end if it still runs."""
    with board_port() as port:
        async with _started(folder / "gateway.log", broker, database_url, f"{LOCALHOST}:{port}") as gateway:
            yield gateway


@contextmanager
def board_port() -> Iterator[int]:
    """`BOARD_PORT` for the first demo of this machine, and any other port for one that runs beside it."""
    # The kernel frees the name with the process. The port itself is still free while the first gateway starts.
    with socket.socket(socket.AF_UNIX) as name:
        try:
            name.bind(f"\0parking-gateway-demo-{BOARD_PORT}")
            is_first = True
        except OSError:
            is_first = False
        yield free_port(BOARD_PORT if is_first else 0)


@asynccontextmanager
async def _started(log: Path, broker: Broker, database_url: str, board: str) -> AsyncIterator[GatewayProcess]:
    listen = f"{LOCALHOST}:{free_port()}"
    settings = {
        "PARKING_GATEWAY_MQTT__URL": broker.url,
        # Not "auto": amqtt reads the properties of MQTT 5 as the length of a name, and waits for the rest of that name.
        "PARKING_GATEWAY_MQTT__PROTOCOL": broker.protocols[0],
        "PARKING_GATEWAY_DATABASE__URL": database_url,
        "PARKING_GATEWAY_DOWNLINKS__DEVICE_INTERVAL": "1",
        "PARKING_GATEWAY_GATEWAY__INSTANCE": "demo",
        "PARKING_GATEWAY_GATEWAY__STATE_DIRECTORY": str(log.parent),
        "PARKING_GATEWAY_TELEMETRY__LISTEN": listen,
        "PARKING_GATEWAY_TELEMETRY__LOG_FORMAT": "text",
        "PARKING_GATEWAY_WEB__LISTEN": board,
        "PARKING_GATEWAY_WEB__OPERATORS": json.dumps({VISITOR: hash_of(PASSWORD)}),
        # For the export of DATEX II: the car park lies in Amsterdam.
        "PARKING_GATEWAY_WEB__COUNTRY": "NL",
    }
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "parking_gateway",
            "run",
            env=without_settings() | settings,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # So that a Ctrl-C in the terminal does not reach it before us.
            start_new_session=True,
        )
    gateway = GatewayProcess(process, log=log, base_url=f"http://{listen}", board_url=f"http://{board}/")
    try:
        yield gateway
    finally:
        await gateway.kill()


def _read(url: str) -> None:
    """Request a page. Raises OSError unless it has status 200."""
    with urlopen(url, timeout=_READY_SECONDS) as response:  # noqa: S310 - our own gateway's
        response.read()
