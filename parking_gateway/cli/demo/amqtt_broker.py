"""amqtt as a process: `python -m parking_gateway.cli.demo.amqtt_broker HOST PORT`. Ends on SIGTERM."""

import asyncio
import signal
import sys
from typing import Any, Final
from weakref import WeakSet

from amqtt.broker import Broker
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class AnyClient(BaseAuthPlugin):  # type: ignore[misc] # amqtt has no types
    """Accepts every client. Unlike amqtt's anonymous clients, they receive the messages of the time when they were away."""

    async def authenticate(self, *, session: Session) -> bool:  # noqa: ARG002 - amqtt's signature
        """Accept the client."""
        return True


class FixedBroker(Broker):  # type: ignore[misc] # amqtt has no types
    """Sends a retained message only to a client that subscribes to its topic.

    amqtt sends it also to every client that connects, once for each subscription of all clients. And it disconnects a client
    that connects while another client subscribes to a new topic.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._subscribers: WeakSet[BrokerProtocolHandler] = WeakSet()
        """The connections that have reached their message loop, so that they can have subscribed."""

    async def _client_message_loop(self, client_session: Session, handler: BrokerProtocolHandler) -> None:
        self._subscribers.add(handler)
        await super()._client_message_loop(client_session, handler)

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        if self._get_handler(session) in self._subscribers:
            await super()._publish_retained_messages_for_subscription(subscription, session)


_PLUGINS: Final[dict[str, object]] = {"parking_gateway.cli.demo.amqtt_broker.AnyClient": {}}


async def serve(host: str, port: int) -> None:
    """Serve MQTT 3.1.1 until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    broker = FixedBroker({"listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}}, "plugins": _PLUGINS})
    await broker.start()
    await stop.wait()
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
