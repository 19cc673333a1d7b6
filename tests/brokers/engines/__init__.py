"""The engines: a file for each broker, with where it comes from, its settings, its nodes, and what is expected of it."""

from typing import Final

from tests.brokers.engines import artemis, artemis_pair, hivemq, mosquitto, nats, rabbitmq
from tests.brokers.engines.engine import Engine

ENGINES: Final[tuple[Engine, ...]] = (
    mosquitto.ENGINE,
    hivemq.ENGINE,
    artemis.ENGINE,
    artemis_pair.ENGINE,
    nats.ENGINE,
    rabbitmq.ENGINE,
)
"""In the order of the table."""
