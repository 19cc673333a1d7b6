"""What a dashboard knows: everything that the gateway publishes, and nothing else."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from parking_gateway.cli.demo.publisher import connected
from parking_gateway.contract.messages import CountsMessage, DeviceMessage, HealthMessage, TransitionMessage

_KEPT_STEPS: Final = 20


class Watch:
    """The picture that the messages below the root of the topics draw."""

    def __init__(self) -> None:
        self.zones: dict[tuple[str, str], CountsMessage] = {}
        self.sites: dict[str, CountsMessage] = {}
        self.steps: deque[tuple[datetime, TransitionMessage]] = deque(maxlen=_KEPT_STEPS)
        """The last ones, the newest first, with when they came."""
        self.step_ids: set[int] = set()
        self.unassigned: set[str] = set()
        """DevEUIs of devices that watch no space."""
        self.health: HealthMessage | None = None
        self.is_listening = asyncio.Event()
        """Set when nothing is missed any more."""
        self._stepped = asyncio.Event()

    async def listen(self, broker_url: str, root: str) -> None:
        """Hear whatever is published, for ever. Raises MqttError when the connection is lost."""
        async with connected(broker_url) as client:
            await client.subscribe(f"{root}/#", qos=1)
            self.is_listening.set()
            async for message in client.messages:
                if isinstance(message.payload, bytes):
                    self.hear(message.topic.value.removeprefix(f"{root}/"), message.payload, now=datetime.now(UTC))

    async def has_heard(self, steps: int, *, patience: timedelta) -> bool:
        """Whether so many transitions have come, or come while `patience` lasts."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience.total_seconds()):
                while len(self.step_ids) < steps:
                    self._stepped.clear()
                    await self._stepped.wait()
        return len(self.step_ids) == steps

    def hear(self, topic: str, payload: bytes, *, now: datetime) -> None:
        """Take in one message; `topic` is what follows the root."""
        match topic.split("/"):
            case "zones", site, zone:
                self.zones[site, zone] = msgspec.json.decode(payload, type=CountsMessage)
            case "sites", site:
                self.sites[site] = msgspec.json.decode(payload, type=CountsMessage)
            case "transitions", *_:
                step = msgspec.json.decode(payload, type=TransitionMessage)
                if step.id not in self.step_ids:
                    self.step_ids.add(step.id)
                    self.steps.appendleft((now, step))
                    self._stepped.set()
            case "devices", dev_eui:
                device = msgspec.json.decode(payload, type=DeviceMessage)
                (self.unassigned.add if device.space is None else self.unassigned.discard)(dev_eui)
            case "gateways", _, "health":
                self.health = msgspec.json.decode(payload, type=HealthMessage)
