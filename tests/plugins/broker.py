"""A real broker for every test that asks: Mosquitto where it is installed, else amqtt; each test has its own.

Without Mosquitto, a fixture leaves the test out before it begins.
"""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NoReturn

import pytest

from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.brokers import Broker

Configured = Callable[[str], Broker]

NO_MOSQUITTO: Final = "Mosquitto 2 is not installed"
"""The only reason to leave a test out. CI accepts it where it has hidden Mosquitto, and accepts no other."""


_STORE: Final = """
# The store survives the broker. By default, Mosquitto saves it every half hour.
persistence true
persistence_location {folder}/
autosave_interval 1
log_type all
"""


def mosquitto_in(folder: Path) -> Broker:
    """A Mosquitto that saves its store in `folder`, not started yet. Leaves the test out where it is not installed."""
    return _with_store(folder) or _leave_out()


def _with_store(folder: Path) -> Broker | None:
    broker = brokers.mosquitto(folder)
    if broker is not None:
        with (folder / "mosquitto.conf").open("a") as conf:
            conf.write(_STORE.format(folder=folder))
    return broker


def write_passwords(file: Path, passwords: Mapping[str, str]) -> None:
    """Write Mosquitto's file of passwords by name. Leaves the test out where Mosquitto is not installed."""
    program = brokers.program_path("mosquitto_passwd") or _leave_out()
    file.touch(mode=0o600)
    for name, password in passwords.items():
        subprocess.run([program, "-b", file, name, password], check=True, capture_output=True)


def _leave_out() -> NoReturn:
    pytest.skip(NO_MOSQUITTO)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Mosquitto, else amqtt, started. It can be stopped, killed and started again on the same port."""
    with brokers.running(_folder(tmp_path), (_with_store, brokers.amqtt)) as broker:
        yield broker


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    """A Mosquitto, started. Leaves the test out where it is not installed."""
    broker = mosquitto_in(_folder(tmp_path))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def amqtt(tmp_path: Path) -> Iterator[Broker]:
    """A broker that has MQTT 3.1.1 only, and gives no answer to MQTT 5."""
    broker = brokers.amqtt(tmp_path)
    assert broker is not None
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(params=["5", "3.1.1"])
def protocol(request: pytest.FixtureRequest, broker: Broker) -> str:
    """Each version of MQTT in turn. Leaves the test out where the broker does not have it."""
    version = str(request.param)
    if version not in broker.protocols:
        _leave_out()
    return version


@pytest.fixture
def lasting(broker: Broker) -> None:
    """Leave the test out on amqtt, which loses the unacknowledged messages of a client that was cut off."""
    if "5" not in broker.protocols:
        _leave_out()


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[Configured]:
    """Starts a Mosquitto with more lines in its configuration."""
    with ExitStack() as stack:

        def start(lines: str) -> Broker:
            broker = mosquitto_in(tmp_path)
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
