"""ChirpStack's API: a gRPC server with its own stubs, which stores events and replays them as ChirpStack 4.20 does."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import grpc
import pytest
from chirpstack_api.api import internal_pb2, internal_pb2_grpc

from tests.plugins.tls import Certificates

KEY = "a key of all tenants"
_PAGE = 10


class ChirpStackApi(internal_pb2_grpc.InternalServiceServicer):  # type: ignore[misc] # it has no types
    """The stored events of every device."""

    def __init__(self) -> None:
        self.events: dict[str, list[Any]] = defaultdict(list)
        self.asked: list[str] = []
        """The devices of all calls, in their order."""
        self.most_at_once = 0
        self.hangs = False
        """Whether it answers no call."""
        self.refused: set[str] = set()
        """Devices that its key may not read."""
        self.page_seconds = 0.05
        self.port = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server: Any = None
        self.key = KEY
        """The key that it accepts."""

    def store(self, dev_eui: str, body: bytes, *, description: str = "up") -> None:
        """Keep an event, as ChirpStack does at its publication."""
        item = internal_pb2.LogItem(id=f"{len(self.events[dev_eui])}-0", description=description, body=body.decode())
        item.time.FromDatetime(datetime.fromisoformat(json.loads(body)["rxInfo"][0]["nsTime"]))
        self.events[dev_eui].append(item)

    def start(self, certificates: Certificates | None = None, *, host: str = "127.0.0.1") -> None:
        """Listen, at the same port as before."""
        self._stopped.clear()
        self._server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
        internal_pb2_grpc.add_InternalServiceServicer_to_server(self, self._server)
        address = f"{host}:{self.port}"
        if certificates is None:
            self.port = self._server.add_insecure_port(address)
        else:
            pair = certificates.server_key.read_bytes(), certificates.server.read_bytes()
            self.port = self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        self._server.start()

    def stop(self) -> None:
        """End every call and listen no more."""
        self._stopped.set()
        if self._server is not None:
            self._server.stop(0).wait()

    def StreamDeviceEvents(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802 - its name in the API
        """Replay what is stored, and then wait."""
        ended = threading.Event()
        context.add_callback(ended.set)
        with self._lock:
            self.asked.append(request.dev_eui)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield from self._replay(request.dev_eui, context, ended)
        finally:
            with self._lock:
                self._at_once -= 1

    def _replay(self, dev_eui: str, context: Any, ended: threading.Event) -> Iterator[Any]:
        if self.hangs:
            self._wait(ended)
        if ("authorization", f"Bearer {self.key}") not in context.invocation_metadata() or dev_eui in self.refused:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "authentication failed")
        context.send_initial_metadata(())
        stored = list(self.events[dev_eui])
        for start in range(0, len(stored), _PAGE):
            if start:
                ended.wait(self.page_seconds)
            yield from stored[start : start + _PAGE]
        self._wait(ended)

    def _wait(self, ended: threading.Event) -> None:
        while not (ended.wait(0.05) or self._stopped.is_set()):
            pass


@pytest.fixture
def chirpstack_api() -> Iterator[ChirpStackApi]:
    """The API, started."""
    api = ChirpStackApi()
    api.start()
    yield api
    api.stop()
