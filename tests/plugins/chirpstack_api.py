"""ChirpStack's API: a gRPC server with its own stubs, which lists devices and replays events as ChirpStack 4.20 does.

A real one was observed: its order, its pages, its ids, its rights and its silences are repeated here.
"""

import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from chirpstack_api import api

from tests.plugins.tls import Certificates

KEY = "a key of all tenants"
KEY_OF_TENANT = "a key of the tenant of all devices here"
TENANT, APPLICATION = "52242dfb-894c-4a12-b8dc-c1838ddfb20c", "a4d93f72-f38e-4a23-b773-343f0e8eaade"
_PAGE = 10


class ChirpStackApi(api.InternalServiceServicer):  # type: ignore[misc] # it has no types
    """The devices, and the stored events of each."""

    def __init__(self) -> None:
        self.events: dict[str, list[Any]] = defaultdict(list)
        self.heard_at: dict[str, datetime] = {}
        """When a device was heard the last time."""
        self.asked: list[str] = []
        """The devices whose events were asked for, in their order."""
        self.calls = 0
        """Of any kind."""
        self.listed = 0
        """Lists of devices that were asked for."""
        self.most_at_once = 0
        self.hangs = False
        """Whether it answers no call."""
        self.is_silent = False
        """Whether its Redis hangs: streams begin, and have no events."""
        self.redis_is_away = False
        self.refused: set[str] = set()
        """Devices that its keys may not read."""
        self.page_seconds = 0.05
        """One in reality."""
        self.port = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server: Any = None
        self.key = KEY
        """The key of all tenants."""

    def store(self, dev_eui: str, body: bytes, *, description: str = "up", stored_at: datetime | None = None) -> None:
        """Keep an event, as ChirpStack does when it publishes it. `stored_at` is now unless given."""
        at = stored_at or datetime.now(UTC)
        events = self.events[dev_eui]
        item = api.LogItem(
            id=f"{int(at.timestamp() * 1000)}-{len(events)}", description=description, body=body.decode()
        )
        events.append(item)
        if description == "up":
            # A moment before it is stored.
            self.heard_at[dev_eui] = max(self.heard_at.get(dev_eui, at), at) - timedelta(milliseconds=1)

    def start(self, certificates: Certificates | None = None, *, host: str = "127.0.0.1") -> None:
        """Listen, at the same port as before."""
        self._stopped.clear()
        self._server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
        api.add_InternalServiceServicer_to_server(self, self._server)
        api.add_TenantServiceServicer_to_server(_Tenants(self), self._server)
        api.add_ApplicationServiceServicer_to_server(_Applications(self), self._server)
        api.add_DeviceServiceServicer_to_server(_Devices(self), self._server)
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

    def admit(self, context: Any, *, of_tenant: bool, dev_eui: str | None = None) -> None:
        """End the call unless its key may make it, `of_tenant` also one of the tenant, and the device exists for the key."""
        self.calls += 1
        if self.hangs:
            self._wait(threading.Event(), context)
        key = dict(context.invocation_metadata()).get("authorization", "").removeprefix("Bearer ")
        if key not in (self.key, KEY_OF_TENANT):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidToken")
        is_foreign = dev_eui in self.refused or (key == KEY_OF_TENANT and dev_eui not in {*self.heard_at, None})
        if is_foreign or not (of_tenant or key == self.key):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "")

    def _replay(self, dev_eui: str, context: Any, ended: threading.Event) -> Iterator[Any]:
        self.admit(context, of_tenant=True, dev_eui=dev_eui)
        context.send_initial_metadata(())
        if self.redis_is_away:
            context.abort(grpc.StatusCode.INTERNAL, "Connection refused (os error 111)")
        # A new event comes too, within a second. A device without events waits like any other.
        sent = 0
        while not (ended.is_set() or self._stopped.is_set()):
            page: Sequence[Any] = () if self.is_silent else self.events[dev_eui][sent : sent + _PAGE]
            yield from page
            sent += len(page)
            ended.wait(self.page_seconds)

    def _wait(self, ended: threading.Event, context: Any) -> None:
        context.add_callback(ended.set)
        while not (ended.wait(0.05) or self._stopped.is_set()):
            pass


class _Service:
    def __init__(self, whole: ChirpStackApi) -> None:
        self._whole = whole


class _Tenants(_Service, api.TenantServiceServicer):  # type: ignore[misc] # as above
    def List(self, _request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self._whole.admit(context, of_tenant=False)
        return api.ListTenantsResponse(total_count=1, result=[api.TenantListItem(id=TENANT)])


class _Applications(_Service, api.ApplicationServiceServicer):  # type: ignore[misc] # as above
    def Get(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self._whole.admit(context, of_tenant=True)
        return api.GetApplicationResponse(application=api.Application(id=request.id, tenant_id=TENANT))

    def List(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self._whole.admit(context, of_tenant=request.tenant_id == TENANT)
        return api.ListApplicationsResponse(total_count=1, result=[api.ApplicationListItem(id=APPLICATION)])


class _Devices(_Service, api.DeviceServiceServicer):  # type: ignore[misc] # as above
    def Get(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self._whole.admit(context, of_tenant=True, dev_eui=request.dev_eui)
        return api.GetDeviceResponse(device=api.Device(dev_eui=request.dev_eui, application_id=APPLICATION))

    def List(self, request: Any, context: Any) -> Any:  # noqa: N802 - as above
        self._whole.admit(context, of_tenant=request.application_id == APPLICATION)
        self._whole.listed += 1
        heard = sorted(self._whole.heard_at.items())
        found = []
        for dev_eui, at in heard[request.offset : request.offset + request.limit]:
            item = api.DeviceListItem(dev_eui=dev_eui)
            item.last_seen_at.FromDatetime(at)
            found.append(item)
        return api.ListDevicesResponse(total_count=len(heard), result=found)


@pytest.fixture
def chirpstack_api() -> Iterator[ChirpStackApi]:
    """The API, started."""
    served = ChirpStackApi()
    served.start()
    yield served
    served.stop()
