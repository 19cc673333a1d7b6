"""A real broker for every test that asks: Mosquitto where it is installed, else amqtt; each test has its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from parking_gateway.demo import brokers
from parking_gateway.demo.brokers import Broker

Configured = Callable[[str], Broker]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """The best broker there is, started. It can be stopped, killed and started again on the same port."""
    with brokers.running(_folder(tmp_path)) as broker:
        yield broker


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """A Mosquitto, started, for what only a real broker does. Left out where it is not installed."""
    broker = brokers.mosquitto(_folder(tmp_path))
    if broker is None:
        pytest.skip("Mosquitto is not installed")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(params=["5", "3.1.1"])
def protocol(request: pytest.FixtureRequest, broker: Broker) -> str:
    """Each version of MQTT in turn. Left out where the broker does not speak it."""
    version = str(request.param)
    if version not in broker.protocols:
        pytest.skip(f"Mosquitto is not installed, and {broker.name} does not speak MQTT {version}")
    return version


@pytest.fixture
def lasting(broker: Broker) -> None:
    """Leave the test out on amqtt, which forgets what a client that was cut off has not acknowledged."""
    if "5" not in broker.protocols:
        pytest.skip("Mosquitto is not installed")


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Configured]:
    """Starts a Mosquitto with more lines in its configuration."""
    with ExitStack() as stack:

        def start(lines: str) -> Broker:
            broker = brokers.mosquitto(tmp_path)
            if broker is None:
                pytest.skip("Mosquitto is not installed")
            with (tmp_path / "mosquitto.conf").open("a") as conf:
                conf.write(lines)
            broker.start()
            stack.callback(broker.stop)
            return broker

        yield start


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "broker"
    folder.mkdir()
    return folder
