"""What a dashboard shows: it subscribes to everything that the gateway publishes, and has no other source."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from parking_gateway.cli.demo.publisher import connected_client
from parking_gateway.contract.gateways import HealthMessage
from parking_gateway.contract.messages import (
    CountsMessage,
    DeviceMessage,
    DownlinkStatus,
    ResponseMessage,
    TransitionMessage,
)
from parking_gateway.contract.outgoing import NoticeMessage

_KEPT_STEPS: Final = 20
_KEPT_REQUESTS: Final = 20
_KEPT_NOTICES: Final = 3


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """A request and its reply."""

    verb: str
    parameters: dict[str, Any]
    reply: ResponseMessage


class Dashboard:
    """The newest counts, transitions, notices, replies and health, from the messages below the root topic."""

    def __init__(self) -> None:
        self.zones: dict[tuple[str, str], CountsMessage] = {}
        self.sites: dict[str, CountsMessage] = {}
        self.steps: deque[tuple[datetime, TransitionMessage]] = deque(maxlen=_KEPT_STEPS)
        """The last transitions, the newest first, each with its time of receipt."""
        self.step_ids: set[int] = set()
        self.unassigned: set[str] = set()
        """DevEUIs of devices without a space."""
        self.notices: deque[NoticeMessage] = deque(maxlen=_KEPT_NOTICES)
        """The last notices, the newest first."""
        self.stays: set[int] = set()
        """The ids of stays that have ended."""
        self.answered: Answered | None = None
        """The last request that has a reply."""
        self.downlinks: dict[str, DownlinkStatus] = {}
        """How far the last downlink of each device has come."""
        self.health: HealthMessage | None = None
        self.is_subscribed = asyncio.Event()
        """Set when the subscription is granted."""
        self._received_transition = asyncio.Event()
        self._asked: deque[dict[str, Any]] = deque(maxlen=_KEPT_REQUESTS)

    async def listen(self, broker_url: str, root: str) -> None:
        """Receive all messages until cancelled. Raises MqttError when the connection is lost."""
        async with connected_client(broker_url) as client:
            await client.subscribe(f"{root}/#", qos=1)
            self.is_subscribed.set()
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    self.receive(message.topic.value.removeprefix(f"{root}/"), message.payload, now=datetime.now(UTC))

    async def has_received(self, steps: int, *, patience: timedelta) -> bool:
        """Whether exactly this number of transitions has come, or comes before `patience` is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience.total_seconds()):
                while len(self.step_ids) < steps:
                    self._received_transition.clear()
                    await self._received_transition.wait()
        return len(self.step_ids) == steps

    def receive(self, topic: str, payload: bytes, *, now: datetime) -> None:
        """Take one message. `topic` is without the root."""
        match topic.split("/"):
            case "zones", site, zone:
                self.zones[site, zone] = msgspec.json.decode(payload, type=CountsMessage)
            case "sites", site:
                self.sites[site] = msgspec.json.decode(payload, type=CountsMessage)
            case "gateways", _, "health":
                self.health = msgspec.json.decode(payload, type=HealthMessage)
            case "devices", dev_eui:
                device = msgspec.json.decode(payload, type=DeviceMessage)
                (self.unassigned.add if device.space is None else self.unassigned.discard)(dev_eui)
                if device.downlink is not None:
                    self.downlinks[dev_eui] = device.downlink
            case _:
                self._receive_once(topic, payload, now=now)

    def _receive_once(self, topic: str, payload: bytes, *, now: datetime) -> None:
        """Take a message that is not retained."""
        match topic.split("/"):
            case "transitions", *_:
                step = msgspec.json.decode(payload, type=TransitionMessage)
                if step.id not in self.step_ids:
                    self.step_ids.add(step.id)
                    self.steps.appendleft((now, step))
                    self._received_transition.set()
            case "events", _:
                notice = msgspec.json.decode(payload, type=NoticeMessage)
                if notice.id not in {one.id for one in self.notices}:
                    self.notices.appendleft(notice)
            case "sessions", *_:
                self.stays.add(msgspec.json.decode(payload)["id"])
            case "request", *_:
                self._asked.append(msgspec.json.decode(payload))
            case "response", *verb:
                reply = msgspec.json.decode(payload, type=ResponseMessage)
                asked = [one for one in self._asked if one.get("transaction") == reply.transaction]
                self.answered = Answered(verb="/".join(verb), parameters=asked[0] if asked else {}, reply=reply)
