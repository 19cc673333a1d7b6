"""Brokers that grant a subscription and do not serve it, as NATS and RabbitMQ 3 do: amqtt, as it is and with less."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from parking_gateway.cli.demo import amqtt_broker, brokers
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker


class WithoutWildcards(amqtt_broker.FixedBroker):
    """Sends retained messages to subscriptions of exact topics only."""

    async def _publish_retained_messages_for_subscription(self, subscription: tuple[str, int], session: object) -> None:
        if not {"+", "#"} & set(subscription[0].split("/")):
            await super()._publish_retained_messages_for_subscription(subscription, session)


@pytest.fixture
def without_sharing(amqtt: Broker) -> Broker:
    """A broker that grants `$share/…` and delivers nothing to it, because it takes that for a topic."""
    return amqtt


@pytest.fixture
def without_wildcards(tmp_path: Path) -> Iterator[Broker]:
    """A broker that grants subscriptions with wildcards and sends them no retained message."""
    port = brokers.free_port()
    command = (sys.executable, "-m", "tests.plugins.poor_brokers", str(port))
    broker = Broker(command, name="amqtt", protocols=("3.1.1",), port=port, log=tmp_path / "amqtt.log")
    broker.start()
    yield broker
    broker.stop()


if __name__ == "__main__":
    with patch.object(amqtt_broker, "FixedBroker", WithoutWildcards):
        asyncio.run(amqtt_broker.serve(LOCALHOST, int(sys.argv[1])))
