"""A process of a broker, which is ready when it accepts a client."""

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, BrokerFailed
from parking_gateway.process.environment import without_settings

_START_SECONDS: Final = 300
"""On a busy machine. On an idle one, Java needs 3 to 5 s."""
_CONNECT: Final = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x05\x00\x06trials"
"""MQTT 3.1.1, a clean session, 5 s of keepalive, the client id `trials`."""
_ACCEPTED: Final = b"\x20\x02\x00\x00"


class Node(Broker):
    """A broker, or a node of a cluster. Its process may be a shell around others, so that signals go to its group."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        port: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__((*command,), name=name, protocols=("5", "3.1.1"), port=port, log=log)
        self._environment = environment or {}

    def start(self) -> None:
        """Start it, and wait until it accepts a client. Raises BrokerFailed."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it. A node of a cluster may wait for others before it accepts a client."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env={**without_settings(), **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it accepts a client. Raises BrokerFailed."""
        retrying = Retrying(
            retry=retry_if_exception_type(OSError),
            wait=wait_fixed(0.1),
            stop=stop_after_delay(_START_SECONDS),
            reraise=True,
        )
        try:
            retrying(self._connect)
        except OSError as error:
            raise BrokerFailed(f"{self.name} accepts no client on port {self.port}: {error}") from error

    @property
    def accepts(self) -> bool:
        """Whether it accepts a client now."""
        try:
            self._connect()
        except (OSError, BrokerFailed):
            return False
        return True

    def stop(self) -> None:
        """End it with SIGTERM, and wait for its end."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
        super().stop()

    def kill(self) -> None:
        """End all of its processes with SIGKILL, as a power cut would."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._ended()

    def _connect(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise BrokerFailed(f"{self.name} ended at once: {self._last_lines()}")
        with socket.create_connection((LOCALHOST, self.port), timeout=5) as client:
            client.sendall(_CONNECT)
            if client.recv(len(_ACCEPTED)) != _ACCEPTED:
                raise OSError("it does not answer CONNECT")
