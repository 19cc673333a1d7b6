"""Metrics that are read at the time of a scrape, because others have their values: health, journal and log."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.logs import lines_dropped

NAMESPACE: Final = "parking_gateway"


def register(registry: CollectorRegistry, health: Health) -> None:
    """Add them to the registry."""
    gauge = partial(Gauge, namespace=NAMESPACE, registry=registry)
    gauge("broker_up", "Whether the broker is connected.").set_function(lambda: health.is_broker_up)
    gauge("database_up", "Whether all work on the database succeeds.").set_function(lambda: health.is_database_up)
    gauge(
        "oldest_event_seconds", "Age of the oldest unacknowledged event. Above telemetry.overdue_after, /readyz fails."
    ).set_function(health.oldest_event_age)
    gauge("ready", "Whether the gateway can do its work, as in /readyz.").set_function(lambda: not health.missing())
    gauge("journal_messages", "Messages in the journal. It grows while the database takes nothing.").set_function(
        lambda: health.journal().rows
    )
    gauge("journal_bytes", "Bytes of the messages in the journal.").set_function(lambda: health.journal().bytes)
    gauge(
        "journal_limit_bytes", "The bytes that the journal may take: journal.max_bytes. 0: there is no journal."
    ).set_function(lambda: health.journal_limit)
    gauge("journal_disk_free_bytes", "Free bytes on the disk of the journal.").set_function(health.journal_disk_free)
    gauge("journal_oldest_seconds", "Age of the oldest message in the journal.").set_function(health.journal_age)
    gauge(
        "problems", "Faults that a person has to correct: /readyz and parking-gateway doctor have the sentences."
    ).set_function(lambda: len(health.problems))
    gauge("stalled_tasks", "Tasks without progress.").set_function(lambda: len(health.stalled()))
    registry.register(_LogLinesDropped())
    registry.register(_JournalDrops(health))


class _LogLinesDropped(Collector):
    """Dropped lines of log. The log counts them, also where there are no metrics."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Called at every scrape."""
        help_text = "Lines of log that were dropped, because standard output was not read in time."
        yield CounterMetricFamily(f"{NAMESPACE}_log_lines_dropped", help_text, value=lines_dropped())


class _JournalDrops(Collector):
    """Dropped uplinks of QoS 0. The journal counts them."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Called at every scrape."""
        help_text = "Uplinks of QoS 0 that were dropped because the journal was full: raise journal.max_bytes."
        yield CounterMetricFamily(f"{NAMESPACE}_journal_dropped", help_text, value=self._health.journal().dropped)
