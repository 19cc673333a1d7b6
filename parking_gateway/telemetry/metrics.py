"""Metrics for Prometheus. A batch is counted once, as a whole, and no label grows with the car park."""

from collections import Counter as Counted
from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from parking_gateway import __version__
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import EventKind, Reason
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.problems import Problem
from parking_gateway.core.reservation import ReservationStatus
from parking_gateway.core.space import LEGAL_STEPS
from parking_gateway.telemetry import scraped
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.scraped import NAMESPACE

_SIZES: Final = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAGS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600, 86_400)

UNKNOWN: Final = "unknown"
EVENTS: Final = ("up", *EventKind, UNKNOWN)
"""The values of the label `event`."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the start."""

    recorded: int
    duplicates: int
    rejected: int
    transitions: int
    published: int
    at_qos_0: int = 0
    dropped: int = 0
    without_codec: int = 0
    unassigned: int = 0
    uplinks_lost: int = 0
    uplinks_healed: int = 0


class Metrics:
    """Every metric, in its own registry. Broker and database are as `health` has them."""

    def __init__(self, health: Health) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the only function there without types
        self.health = health
        self.registry = CollectorRegistry()
        counter = partial(Counter, namespace=NAMESPACE, registry=self.registry)
        gauge = partial(Gauge, namespace=NAMESPACE, registry=self.registry)
        histogram = partial(Histogram, namespace=NAMESPACE, registry=self.registry)

        self._received = counter("messages_received", "Messages taken from the broker.", ["event"])
        self._rejected = counter("rejections", "Rejected messages.", ["reason"])
        self._by_qos = counter(
            "messages_by_qos", "Messages by their QoS, with those that were delivered again.", ["qos"]
        )
        self._requests = counter("requests", "Answered requests.", ["verb", "outcome"])
        self._recorded = counter("uplinks_recorded", "New uplinks that are committed.")
        self._without_codec = counter("uplinks_without_codec", "Uplinks of installed devices that no codec reads.")
        self._unassigned = counter("uplinks_unassigned", "Uplinks of devices that watch no space.")
        self._new_devices = counter("devices_added", "Devices that were new and got a row.")
        self._cut = counter(
            "rejections_without_payload", "Rejections that are stored without their payloads, because of their number."
        )
        self._duplicates = counter("duplicates", "Uplinks that were recorded before and had no effect.")
        self._transitions = counter("transitions", "Steps of the spaces' states.", ["from", "to"])
        self._reservations = counter("reservations", "Steps of reservations, by the status after them.", ["status"])
        self._wrong_clocks = counter("clock_corrected", "Events whose claimed time was not believed.")
        self._held_back = counter(
            "uplinks_held_back", "Uplinks that count as older although their frame counters are higher."
        )
        self._batch_size = histogram(
            "batch_messages", "Messages of a transaction: a batch, or a part of it.", buckets=_SIZES
        )
        self._batch_seconds = histogram(
            "batch_seconds", "From a transaction's first statement to its commit.", buckets=_SECONDS
        )
        self._lag = histogram(
            "uplink_lag_seconds",
            "From the receipt by the network to the commit, of the oldest uplink of a batch.",
            buckets=_LAGS,
        )

        self.published = counter("publications_confirmed", "Publications that the broker confirmed.")
        self.refused = counter("publications_refused", "Publications that the broker refused.")
        self.sessions_lost = counter("broker_sessions_lost", "Connections at which the broker had lost our session.")
        self.reconnects = counter("broker_reconnects", "Connections to the broker after the first.")
        self.dropped = counter("messages_dropped", "Messages of QoS 0 that were dropped because the inbox was full.")
        self.retained_again = counter(
            "retained_published_again", "Rows whose retained message was missing or different in the broker."
        )
        self.retained_cleared = counter("retained_cleared", "Retained topics without a row, which were cleared.")
        self._lost = counter("sensors_lost", "Sensors that were silent for longer than lost_after.")
        self._notices = counter("notices", "Notices to operators.", ["kind"])
        self._alerts = counter("alerts", "Alerts to webhooks and by e-mail.", ["medium", "result"])
        self._devices = gauge("devices", "Devices that have a problem, by the problem.", ["problem"])
        self._downlinks = counter("downlinks_sent", "Attempts to send a downlink.")
        self._uplinks_lost = counter("uplinks_lost", "Uplinks that are missing by their frame counters.")
        self._uplinks_healed = counter(
            "uplinks_healed", "Uplinks that were missing by their frame counters and have come."
        )
        self._corrected = counter("steps_corrected", "Rows that the log gained because uplinks had come late.")
        self._expired = counter("outgoing_expired", "Messages that the broker has not taken, deleted after their time.")
        self.postponed = counter("partitions_postponed", "Attempts to make a partition that failed; it is tried again.")
        self._months = counter(
            "retention_months",
            "Old months that were dropped, and attempts while another session used the month.",
            ["result"],
        )
        self._deleted_rows = counter("stray_rows_deleted", "Old rows that were deleted from default partitions.")
        self.retention_failed = counter("retention_failures", "Rounds of retention that failed; they are tried again.")
        self.outbox_backlog = gauge("outbox_backlog", "Publications that the broker has not confirmed yet.")
        scraped.register(self.registry, health)
        Info("build", "The running version.", namespace=NAMESPACE, registry=self.registry).info(
            {"version": __version__}
        )
        ProcessCollector(registry=self.registry)
        self._show_zeros()

    def count_taken(self, messages: int, *, at_qos_0: int) -> None:
        """Count messages before they are recorded."""
        self._by_qos.labels("0").inc(at_qos_0)
        self._by_qos.labels("1").inc(messages - at_qos_0)

    def count_alerts(self, medium: str, **results: int) -> None:
        """Count alerts by their results."""
        for result, count in results.items():
            self._alerts.labels(medium, result).inc(count)

    def count_request(self, verb: str, outcome: str) -> None:
        """Count a request. `outcome` is `ok`, the code of an error, or why there was no reply."""
        self._requests.labels(verb, outcome).inc()

    def count_committed(self, committed: Committed, lag: float | None = None) -> None:
        """Count a commit, once. `lag`: seconds from the network's receipt of its oldest uplink; None without uplinks."""
        for (before, after), count in Counted((step.before, step.after) for step in committed.steps).items():
            self._transitions.labels(before, after).inc(count)
        for step in committed.reservations:
            self._reservations.labels(step.status).inc()
        for reason, count in Counted(letter.rejection.reason for letter in committed.rejected).items():
            self._rejected.labels(reason).inc(count)
        self._cut.inc(sum(letter.is_cut for letter in committed.rejected))
        self._lost.inc(len(committed.lost))
        for notice in committed.notices:
            self._notices.labels(notice.kind).inc()
        self._downlinks.inc(committed.downlinks_sent)
        self._uplinks_lost.inc(sum(committed.uplinks_lost.values()))
        self._uplinks_healed.inc(committed.uplinks_healed)
        self._corrected.inc(committed.steps_corrected)
        self._count_problems(committed.device_problems or {})
        self._months.labels("dropped").inc(committed.partitions_dropped)
        self._months.labels("postponed").inc(committed.drops_postponed)
        self._deleted_rows.inc(committed.rows_deleted)
        self._expired.inc(committed.outgoing_expired)
        if not committed.received:
            return
        for event, count in committed.received.items():
            self._received.labels(event if event in EVENTS else UNKNOWN).inc(count)
        self._batch_size.observe(committed.received.total())
        self._batch_seconds.observe(committed.seconds)
        self._recorded.inc(len(committed.recorded))
        self._without_codec.inc(committed.without_codec)
        self._unassigned.inc(committed.unassigned)
        self._new_devices.inc(committed.new_devices)
        self._duplicates.inc(committed.duplicates)
        self._wrong_clocks.inc(len(committed.wrong_clocks))
        self._held_back.inc(len(committed.held_back))
        if lag is not None:
            self._lag.observe(lag)

    def totals(self) -> Totals:
        """The counts in the health message, and at the end of a demo."""
        return Totals(
            recorded=_total(self._recorded),
            duplicates=_total(self._duplicates),
            at_qos_0=_total(self._by_qos.labels("0")),
            dropped=_total(self.dropped),
            without_codec=_total(self._without_codec),
            unassigned=_total(self._unassigned),
            rejected=_total(self._rejected),
            transitions=_total(self._transitions),
            published=_total(self.published),
            uplinks_lost=_total(self._uplinks_lost),
            uplinks_healed=_total(self._uplinks_healed),
        )

    def _count_problems(self, devices: Mapping[Problem, int]) -> None:
        for problem, number in devices.items():
            self._devices.labels(problem).set(number)

    def _show_zeros(self) -> None:
        """Create every series at 0, because rates and alerts need it before its first event."""
        for qos in ("0", "1"):
            self._by_qos.labels(qos)
        for result in ("dropped", "postponed"):
            self._months.labels(result)
        for kind in NoticeKind:
            self._notices.labels(kind)
        for medium in ("webhook", "mail"):
            self.count_alerts(medium, delivered=0, failed=0, given_up=0)
        for event in EVENTS:
            self._received.labels(event)
        self._requests.labels(UNKNOWN, "unknown_verb")  # the others have a value with their first request
        self._count_problems(dict.fromkeys(Problem, 0))
        for reason in Reason:
            self._rejected.labels(reason)
        for status in set(ReservationStatus) - {ReservationStatus.BOOKED}:
            self._reservations.labels(status)
        for before, steps in LEGAL_STEPS.items():
            for after in steps:
                self._transitions.labels(before, after)


def _total(counter: Counter) -> int:
    samples = (sample for family in counter.collect() for sample in family.samples)
    return round(sum(sample.value for sample in samples if sample.name.endswith("_total")))
