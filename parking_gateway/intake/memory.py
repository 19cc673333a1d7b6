"""ChirpStack's memory: the last events of every device, which its API replays. The only module with gRPC.

`InternalService.StreamDeviceEvents` sends the stored events, the oldest first, in pages of ten with a second between them, and
then waits for new ones. No mark separates the two. So the stored events end with the uplink at which ChirpStack last heard the
device, or else where none comes for a while. A device without events, one that does not exist, and a Redis that hangs all
look alike: the answer begins at once, and no event follows.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count, islice
from pathlib import Path
from typing import Any, Final

from parking_gateway.broker.message import Message
from parking_gateway.chirpstack.stored import KINDS, UP, stored_at, topic_of
from parking_gateway.core.events import DevEui
from parking_gateway.intake.refusals import NOT_INSTALLED, Refused, Silent, Unanswered, unanswered
from parking_gateway.process.config.chirpstack import ChirpStackConfig

_PAGE: Final = 10
"""Events. After a full page the next one takes a second."""
_NEXT_PAGE_SECONDS: Final = 3.0
_NEXT_EVENT_SECONDS: Final = 1.0
_AFTER_THE_LAST_SECONDS: Final = 0.1
"""For the events behind the last uplink: they are in the same page, which comes at once."""
_CALL: Final = 6
"""All of one device may take so many times `api_timeout`."""
_MOST_EVENTS: Final = 1000
"""Of one device. A device that sends all the time has no end of its events."""
_LISTED: Final = 500
"""Devices of one page of a list: some 200 kB of the 4 MB that gRPC lets through."""
_EXAMPLES: Final = 20
"""Known devices that are looked up to find the tenant of the key."""


class Memory:
    """Made by `opened`."""

    def __init__(self, channel: Any, config: ChirpStackConfig) -> None:
        from chirpstack_api import api  # noqa: PLC0415 - an optional package

        self._api = api
        self._config = config
        self._answer_seconds = config.api_timeout.total_seconds()
        key = config.api_key.get_secret_value() if config.api_key else ""
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._events = api.InternalServiceStub(channel)
        self._tenants = api.TenantServiceStub(channel)
        self._applications = api.ApplicationServiceStub(channel)
        self._devices = api.DeviceServiceStub(channel)

    async def heard(self, known: Sequence[DevEui], *, since: datetime | None) -> dict[DevEui, datetime]:
        """The devices that ChirpStack has heard since then, and when it heard each the last time. Raises `Unanswered`.

        A key of one tenant may not list tenants. Its own is that of a `known` device.
        """
        found: dict[DevEui, datetime] = {}
        for tenant in await self._tenants_of_the_key(known):
            async for application in self._listed(
                self._applications.List, self._api.ListApplicationsRequest, tenant_id=tenant
            ):
                # By DevEUI, so that no device changes its page while it sends.
                async for device in self._listed(
                    self._devices.List,
                    self._api.ListDevicesRequest,
                    application_id=application.id,
                    order_by=self._api.ListDevicesRequest.DEV_EUI,
                ):
                    if device.HasField("last_seen_at"):
                        at = device.last_seen_at.ToDatetime(UTC)
                        if since is None or at >= since:
                            found[DevEui(device.dev_eui)] = at
        return found

    async def events(
        self, dev_eui: DevEui, *, since: datetime | None = None, heard_at: datetime | None = None
    ) -> list[Message]:
        """The stored events of a device since then, the oldest first. Raises `Unanswered`.

        `heard_at`: when ChirpStack last heard the device, after `since`. So at least one event is expected.
        """
        import grpc  # noqa: PLC0415 - as above

        call = self._events.StreamDeviceEvents(
            self._api.StreamDeviceEventsRequest(dev_eui=dev_eui),
            metadata=self._metadata,
            timeout=_CALL * self._answer_seconds,
        )
        found: list[Message] = []
        is_silent = True
        try:
            async with asyncio.timeout(self._answer_seconds):
                await call.initial_metadata()
            async for item in _stored(call, heard_at):
                is_silent = False
                at = stored_at(item.id)
                if item.description in KINDS and (since is None or at is None or at >= since):
                    body = item.body.encode()
                    # As a repetition, so that a rejection of it is not recorded twice.
                    topic = topic_of(body, dev_eui, item.description)
                    found.append(Message(topic, body, 0, 1, is_redelivered=True))
        except TimeoutError:
            raise self._no_answer() from None
        except grpc.aio.AioRpcError as error:
            # The device sends all the time, so that its events have no end.
            if not (found and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED):
                raise self._failed(error) from None
        finally:
            call.cancel()
        if is_silent and heard_at is not None:
            raise Silent
        return found

    async def _tenants_of_the_key(self, known: Sequence[DevEui]) -> list[str]:
        try:
            return [one.id async for one in self._listed(self._tenants.List, self._api.ListTenantsRequest)]
        except Refused as refused:
            for dev_eui in islice(known, _EXAMPLES):
                try:
                    device = await self._ask(
                        self._devices.Get(**self._arguments(self._api.GetDeviceRequest(dev_eui=dev_eui)))
                    )
                except Unanswered:
                    continue
                application = self._api.GetApplicationRequest(id=device.device.application_id)
                got = await self._ask(self._applications.Get(**self._arguments(application)))
                return [got.application.tenant_id]
            raise refused from None

    async def _listed(self, method: Callable[..., Any], request: Callable[..., Any], **of: Any) -> AsyncIterator[Any]:
        for page in count():
            asked = request(limit=_LISTED, offset=page * _LISTED, **of)
            answer = await self._ask(method(**self._arguments(asked)))
            for one in answer.result:
                yield one
            if len(answer.result) < _LISTED:
                return

    def _arguments(self, request: Any) -> dict[str, Any]:
        return {"request": request, "metadata": self._metadata, "timeout": self._answer_seconds}

    async def _ask(self, call: Awaitable[Any]) -> Any:
        import grpc  # noqa: PLC0415 - as above

        try:
            return await call
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise self._no_answer() from None
            raise self._failed(error) from None

    def _no_answer(self) -> Unanswered:
        return Unanswered(f"The API of ChirpStack does not answer ({self._config.api_url})")

    def _failed(self, error: Any) -> Unanswered:
        return unanswered(error.code().name, error.details() or "", url=str(self._config.api_url))


@asynccontextmanager
async def opened(config: ChirpStackConfig) -> AsyncIterator[Memory]:
    """The memory of the configured ChirpStack. Connects when first used. Raises `Unanswered` where a package or a file is missing."""
    try:
        # In a thread, because it takes half a second.
        grpc = await asyncio.to_thread(_imported)
    except ImportError:
        raise Unanswered(NOT_INSTALLED) from None
    target = config.api_target
    if not config.is_api_encrypted:
        channel = grpc.aio.insecure_channel(target)
    else:
        authority = _authority(config.api_ca_file) if config.api_ca_file else None
        channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority))
    async with channel:
        yield Memory(channel, config)


def _authority(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        why = f"chirpstack.api_ca_file, {file}, cannot be read ({error.strerror}): let this user read it"
        raise Unanswered(why) from None


def _imported() -> Any:
    # Its core writes to standard error past the log; what it says is in the errors too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc  # noqa: PLC0415 - as above
    from chirpstack_api import api  # noqa: F401, PLC0415 - as above

    return grpc


async def _stored(call: Any, heard_at: datetime | None) -> AsyncIterator[Any]:
    import grpc  # noqa: PLC0415 - as above

    is_last = False
    for number in range(_MOST_EVENTS):
        is_page_full = number % _PAGE == 0
        if is_last:
            seconds = _AFTER_THE_LAST_SECONDS
        else:
            seconds = _NEXT_PAGE_SECONDS if is_page_full and (number or heard_at) else _NEXT_EVENT_SECONDS
        try:
            async with asyncio.timeout(seconds):
                item = await call.read()
        except TimeoutError:
            return
        if item is grpc.aio.EOF:
            return
        yield item
        # An event is stored after its device was heard.
        at = stored_at(item.id)
        is_last |= bool(item.description == UP and at and heard_at and at >= heard_at)
