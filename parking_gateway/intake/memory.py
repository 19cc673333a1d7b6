"""ChirpStack's memory: the last events of every device, which its API replays. The only module with gRPC.

`InternalService.StreamDeviceEvents` sends the stored events, the oldest first, in pages of ten with a second between them,
and then waits for new ones. No mark separates the two, so the stored events end where none comes for a while.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

from parking_gateway.broker.message import Message
from parking_gateway.chirpstack.stored import UP, topic_of
from parking_gateway.core.events import DevEui
from parking_gateway.core.printable import in_one_line
from parking_gateway.process.config.chirpstack import ChirpStackConfig

NOT_INSTALLED: Final = (
    "chirpstack.api_url needs the package chirpstack-api: install parking-gateway[protobuf], or remove the key"
)
_PAGE: Final = 10
"""Events. After a full page the next one takes a second."""
_NEXT_PAGE_SECONDS: Final = 3.0
_NEXT_EVENT_SECONDS: Final = 1.0
_CALL: Final = 6
"""All of one device may take so many times `api_timeout`."""
_OF_TLS: Final = ("CERTIFICATE", "SSL", "VERIFICATION")
"""Words of gRPC's errors of TLS. A wrong host is a "Hostname Verification Check"."""
_MOST_EVENTS: Final = 1000
"""Of one device. A device that sends all the time has no end of its events."""


class Unanswered(Exception):  # noqa: N818 - what happened, not a failure of ours
    """ChirpStack did not give the events. The message is a sentence with a remedy."""


class Memory:
    """Made by `opened`."""

    def __init__(self, channel: Any, config: ChirpStackConfig) -> None:
        from chirpstack_api.api import internal_pb2, internal_pb2_grpc  # noqa: PLC0415 - an optional package

        self._config = config
        self._request = internal_pb2.StreamDeviceEventsRequest
        self._stub = internal_pb2_grpc.InternalServiceStub(channel)

    async def uplinks(self, dev_eui: DevEui, *, since: datetime | None) -> list[Message]:
        """The stored uplinks of a device since then, the oldest first. Raises `Unanswered`."""
        import grpc  # noqa: PLC0415 - as above

        answer_seconds = self._config.api_timeout.total_seconds()
        key = self._config.api_key.get_secret_value() if self._config.api_key else ""
        call = self._stub.StreamDeviceEvents(
            self._request(dev_eui=dev_eui),
            metadata=(("authorization", f"Bearer {key}"),),
            timeout=_CALL * answer_seconds,
        )
        found: list[Message] = []
        try:
            async with asyncio.timeout(answer_seconds):
                await call.initial_metadata()
            async for item in _stored(call):
                if item.description == UP and _is_since(item, since):
                    body = item.body.encode()
                    # As a repetition, so that a rejection of it is not recorded twice.
                    found.append(Message(topic_of(body, dev_eui), body, 0, 1, is_redelivered=True))
        except TimeoutError:
            raise Unanswered(f"The API of ChirpStack does not answer ({self._config.api_url})") from None
        except grpc.aio.AioRpcError as error:
            # The device was removed there, or it sends all the time, so that its events have no end.
            if error.code() is grpc.StatusCode.NOT_FOUND or (
                found and error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            ):
                return found
            raise Unanswered(self._sentence(error.code().name, in_one_line(error))) from None
        finally:
            call.cancel()
        return found

    def _sentence(self, code: str, details: str) -> str:
        url = self._config.api_url
        if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            return "ChirpStack refuses chirpstack.api_key: create a key for all tenants in ChirpStack (API keys)"
        if any(sign in details.upper() for sign in _OF_TLS):
            return (
                f"The TLS of the API of ChirpStack cannot be verified ({url}): name the authority of its certificate in"
                f" chirpstack.api_ca_file, and its host as in the certificate"
            )
        if code == "UNIMPLEMENTED":
            return f"{url} is not the API of ChirpStack 4: correct chirpstack.api_url"
        if code == "UNAVAILABLE":
            return f"The API of ChirpStack cannot be reached ({url}): is it running, and is chirpstack.api_url right?"
        return f"The API of ChirpStack failed ({url}): {code}"


@asynccontextmanager
async def opened(config: ChirpStackConfig) -> AsyncIterator[Memory]:
    """The memory of the configured ChirpStack. Connects when first used. Raises `Unanswered` where a package is missing."""
    try:
        # In a thread, because it takes half a second.
        grpc = await asyncio.to_thread(_imported)
    except ImportError:
        raise Unanswered(NOT_INSTALLED) from None
    target = config.api_target
    if not config.is_api_encrypted:
        channel = grpc.aio.insecure_channel(target)
    else:
        authority = config.api_ca_file.read_bytes() if config.api_ca_file else None
        channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(authority))
    async with channel:
        yield Memory(channel, config)


def _imported() -> Any:
    # Its core writes to standard error past the log; what it says is in the errors too.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    import grpc  # noqa: PLC0415 - as above
    from chirpstack_api.api import internal_pb2_grpc  # noqa: F401, PLC0415 - as above

    return grpc


def _is_since(item: Any, since: datetime | None) -> bool:
    return since is None or not item.HasField("time") or item.time.seconds >= int(since.timestamp())


async def _stored(call: Any) -> AsyncIterator[Any]:
    import grpc  # noqa: PLC0415 - as above

    for number in range(_MOST_EVENTS):
        is_page_full = number % _PAGE == 0
        try:
            async with asyncio.timeout(_NEXT_PAGE_SECONDS if is_page_full else _NEXT_EVENT_SECONDS):
                item = await call.read()
        except TimeoutError:
            return
        if item is grpc.aio.EOF:
            return
        yield item
