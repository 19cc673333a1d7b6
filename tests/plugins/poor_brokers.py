"""Brokers that serve subscriptions badly or slowly, as NATS, RabbitMQ 3 and HiveMQ do: amqtt, as it is and with less."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest.mock import patch

import pytest

from parking_gateway.cli.demo import amqtt_broker, brokers
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker

_BEHIND_SECONDS: Final = 0.2


class WithoutWildcards(amqtt_broker.FixedBroker):
    """Sends retained messages to subscriptions of exact topics only."""

    async def _publish_retained_messages_for_subscription(self, subscription: tuple[str, int], session: object) -> None:
        if not {"+", "#"} & set(subscription[0].split("/")):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class Behind(amqtt_broker.FixedBroker):
    """Sends retained states behind the message of a gateway that was asked for later."""

    async def _publish_retained_messages_for_subscription(self, subscription: tuple[str, int], session: object) -> None:
        sending = super()._publish_retained_messages_for_subscription(subscription, session)
        if "/gateways/" in subscription[0]:
            await sending
        else:
            asyncio.get_running_loop().call_later(_BEHIND_SECONDS, asyncio.ensure_future, sending)


@pytest.fixture
def without_sharing(amqtt: Broker) -> Broker:
    """A broker that grants `$share/…` and delivers nothing to it, because it takes that for a topic."""
    return amqtt


@pytest.fixture
def without_wildcards(tmp_path: Path) -> Iterator[Broker]:
    """A broker that grants subscriptions with wildcards and sends them no retained message."""
    with running(WithoutWildcards, tmp_path) as broker:
        yield broker


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Broker]:
    """A broker that sends retained states behind the message that was asked for last."""
    with running(Behind, tmp_path) as broker:
        yield broker


@contextmanager
def running(kind: type[amqtt_broker.FixedBroker], folder: Path) -> Iterator[Broker]:
    """A broker of this kind."""
    port = brokers.free_port()
    command = (sys.executable, "-m", "tests.plugins.poor_brokers", kind.__name__, str(port))
    broker = Broker(command, name="amqtt", protocols=("3.1.1",), port=port, log=folder / "amqtt.log")
    broker.start()
    yield broker
    broker.stop()


if __name__ == "__main__":
    kinds = {kind.__name__: kind for kind in (WithoutWildcards, Behind)}
    with patch.object(amqtt_broker, "FixedBroker", kinds[sys.argv[1]]):
        asyncio.run(amqtt_broker.serve(LOCALHOST, int(sys.argv[2])))
