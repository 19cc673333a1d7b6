"""Metrics for Prometheus. A batch is counted once, as a whole, and no label grows with the car park."""

from collections import Counter as Counted
from collections.abc import Mapping
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, Info, ProcessCollector, disable_created_metrics

from parking_gateway import __version__
from parking_gateway.core.committed import Committed
from parking_gateway.core.events import EventKind, Reason
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.problems import Problem
from parking_gateway.core.reservation import ReservationStatus
from parking_gateway.core.space import LEGAL_STEPS
from parking_gateway.telemetry import scraped
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.instruments import Instruments
from parking_gateway.telemetry.places import Places
from parking_gateway.telemetry.scraped import NAMESPACE

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


class Metrics(Instruments):
    """Every metric, in its own registry. Broker and database are as `health` has them."""

    def __init__(self, health: Health, *, zones: int = 0) -> None:
        """`zones`: so many of them have series of their own."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the only function there without types
        self.health = health
        self.registry = CollectorRegistry()
        super().__init__(self.registry)
        self._places = Places(zones)
        self.registry.register(self._places)
        scraped.register(self.registry, health)
        Info("build", "The running version.", namespace=NAMESPACE, registry=self.registry).info(
            {"version": __version__}
        )
        ProcessCollector(registry=self.registry)
        self._show_zeros()

    def count_taken(self, messages: int, *, at_qos_0: int) -> None:
        """Count messages before they are recorded."""
        self.by_qos.labels("0").inc(at_qos_0)
        self.by_qos.labels("1").inc(messages - at_qos_0)

    def count_alerts(self, medium: str, **results: int) -> None:
        """Count alerts by their results."""
        for result, count in results.items():
            self.alerts.labels(medium, result).inc(count)

    def count_request(self, verb: str, outcome: str) -> None:
        """Count a request. `outcome` is `ok`, the code of an error, or why there was no reply."""
        self.requests.labels(verb, outcome).inc()

    def count_committed(self, committed: Committed, lag: float | None = None) -> None:
        """Count a commit, once. `lag`: seconds from the network's receipt of its oldest uplink; None without uplinks."""
        for (before, after), count in Counted((step.before, step.after) for step in committed.steps).items():
            self.transitions.labels(before, after).inc(count)
        for step in committed.reservations:
            self.reservations.labels(step.status).inc()
        for reason, count in Counted(letter.rejection.reason for letter in committed.rejected).items():
            self.rejected.labels(reason).inc(count)
        self.cut.inc(sum(letter.is_cut for letter in committed.rejected))
        self.lost.inc(len(committed.lost))
        for notice in committed.notices:
            self.notices.labels(notice.kind).inc()
        self.downlinks.inc(committed.downlinks_sent)
        self.uplinks_lost.inc(sum(committed.uplinks_lost.values()))
        self.uplinks_healed.inc(committed.uplinks_healed)
        self.corrected.inc(committed.steps_corrected)
        self._count_problems(committed.device_problems or {})
        for contact, number in (committed.device_contacts or {}).items():
            self.devices_by_contact.labels(contact).set(number)
        if committed.zones is not None:
            self._places.counted(committed.zones)
        self.months.labels("dropped").inc(committed.partitions_dropped)
        self.months.labels("postponed").inc(committed.drops_postponed)
        self.deleted_rows.inc(committed.rows_deleted)
        self.expired.inc(committed.outgoing_expired)
        if not committed.received:
            return
        for event, count in committed.received.items():
            self.received.labels(event if event in EVENTS else UNKNOWN).inc(count)
        self.batch_size.observe(committed.received.total())
        self.batch_seconds.observe(committed.seconds)
        self.recorded.inc(len(committed.recorded))
        self.without_codec.inc(committed.without_codec)
        self.unassigned.inc(committed.unassigned)
        self.new_devices.inc(committed.new_devices)
        self.duplicates.inc(committed.duplicates)
        self.wrong_clocks.inc(len(committed.wrong_clocks))
        self.held_back.inc(len(committed.held_back))
        if lag is not None:
            self.lag.observe(lag)

    def totals(self) -> Totals:
        """The counts in the health message, and at the end of a demo."""
        return Totals(
            recorded=_total(self.recorded),
            duplicates=_total(self.duplicates),
            at_qos_0=_total(self.by_qos.labels("0")),
            dropped=_total(self.dropped),
            without_codec=_total(self.without_codec),
            unassigned=_total(self.unassigned),
            rejected=_total(self.rejected),
            transitions=_total(self.transitions),
            published=_total(self.published),
            uplinks_lost=_total(self.uplinks_lost),
            uplinks_healed=_total(self.uplinks_healed),
        )

    def _count_problems(self, devices: Mapping[Problem, int]) -> None:
        for problem, number in devices.items():
            self.devices.labels(problem).set(number)

    def _show_zeros(self) -> None:
        """Create every series at 0, because rates and alerts need it before its first event."""
        for qos in ("0", "1"):
            self.by_qos.labels(qos)
        for result in ("dropped", "postponed"):
            self.months.labels(result)
        for kind in NoticeKind:
            self.notices.labels(kind)
        for medium in ("webhook", "mail"):
            self.count_alerts(medium, delivered=0, failed=0, given_up=0)
        for event in EVENTS:
            self.received.labels(event)
        self.requests.labels(UNKNOWN, "unknown_verb")  # the others have a value with their first request
        self._count_problems(dict.fromkeys(Problem, 0))
        for reason in Reason:
            self.rejected.labels(reason)
        for status in set(ReservationStatus) - {ReservationStatus.BOOKED}:
            self.reservations.labels(status)
        for before, steps in LEGAL_STEPS.items():
            for after in steps:
                self.transitions.labels(before, after)


def _total(counter: Counter) -> int:
    samples = (sample for family in counter.collect() for sample in family.samples)
    return round(sum(sample.value for sample in samples if sample.name.endswith("_total")))
