"""The counters, gauges and histograms that the tasks change. `make generate` makes docs/reference/metrics.md from the texts here."""

from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from parking_gateway.telemetry.scraped import NAMESPACE

_SIZES: Final = (1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LAGS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21_600, 86_400)


class Instruments:
    """Those of one gateway, at zero."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._declare_intake(registry)
        self._declare_others(registry)

    def _declare_intake(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, namespace=NAMESPACE, registry=registry)
        histogram = partial(Histogram, namespace=NAMESPACE, registry=registry)

        self.received = counter(
            "messages_received", "Messages taken from the broker, by the event of their topic.", ["event"]
        )
        self.rejected = counter(
            "rejections", "Rejected messages: parking-gateway rejections list shows them.", ["reason"]
        )
        self.by_qos = counter(
            "messages_by_qos",
            "Messages by the QoS of their publisher, with those that were delivered again. For QoS 0, set qos = 1 in ChirpStack.",
            ["qos"],
        )
        self.requests = counter(
            "requests",
            "Requests by verb and outcome: ok, the code of an error, repeated (answered before) or retained (ignored).",
            ["verb", "outcome"],
        )
        self.recorded = counter("uplinks_recorded", "New uplinks that are committed.")
        self.without_codec = counter(
            "uplinks_without_codec",
            "Uplinks of installed devices that no codec reads: parking-gateway doctor --devices names them.",
        )
        self.unassigned = counter(
            "uplinks_unassigned",
            "Uplinks of devices that watch no space: parking-gateway devices list --unassigned names them.",
        )
        self.new_devices = counter("devices_added", "New devices that got a row.")
        self.cut = counter(
            "rejections_without_payload",
            "Rejections that are stored without their payloads, because they are too many.",
        )
        self.duplicates = counter(
            "duplicates",
            "Repeated uplinks, which have no effect. They come after restarts, and when lost uplinks come back.",
        )
        self.transitions = counter("transitions", "Steps of the spaces' states.", ["from", "to"])
        self.reservations = counter("reservations", "Steps of reservations, by the status after them.", ["status"])
        self.wrong_clocks = counter(
            "clock_corrected",
            "Uplinks and device events whose time was corrected, because a clock is wrong: parking-gateway doctor names it.",
        )
        self.held_back = counter(
            "uplinks_held_back",
            "Uplinks that count as older although their frame counters are higher, because a clock was set back.",
        )
        self.batch_size = histogram(
            "batch_messages",
            "Messages of a transaction. At half of intake.batch_size, messages come faster than they are recorded.",
            buckets=_SIZES,
        )
        self.batch_seconds = histogram(
            "batch_seconds", "Seconds from a transaction's first statement to its commit.", buckets=_SECONDS
        )
        self.lag = histogram(
            "uplink_lag_seconds",
            "Seconds from the receipt by the network to the commit, of the oldest uplink of a batch.",
            buckets=_LAGS,
        )

    def _declare_others(self, registry: CollectorRegistry) -> None:
        counter = partial(Counter, namespace=NAMESPACE, registry=registry)
        gauge = partial(Gauge, namespace=NAMESPACE, registry=registry)
        self.published = counter("publications_confirmed", "Publications that the broker confirmed.")
        self.refused = counter(
            "publications_refused",
            "Publications that the broker refused; they are tried again. Its ACL has to allow the topics in the log.",
        )
        self.sessions_lost = counter(
            "broker_sessions_lost",
            "Connections at which the broker had lost our session and its messages, as after a restart without persistence.",
        )
        self.reconnects = counter("broker_reconnects", "Connections to the broker after the first.")
        self.dropped = counter("messages_dropped", "Messages of QoS 0 that were dropped because the inbox was full.")
        self.retained_again = counter(
            "retained_published_again", "Rows whose retained message was missing or different in the broker."
        )
        self.retained_cleared = counter("retained_cleared", "Retained topics without a row, which were cleared.")
        self.lost = counter("sensors_lost", "Sensors whose contact was lost, because they were silent for too long.")
        self.notices = counter("notices", "Notices to operators.", ["kind"])
        self.alerts = counter(
            "alerts",
            "Alerts to webhooks and by e-mail: delivered, given up, and attempts that have failed.",
            ["medium", "result"],
        )
        self.devices = gauge("devices", "Devices that have a problem, as of the last minute.", ["problem"])
        self.devices_by_contact = gauge(
            "devices_by_contact",
            "Devices by whether the network hears them, as of the last minute.",
            ["contact"],
        )
        self.downlinks = counter(
            "downlinks_sent", "Attempts to send a downlink. Without a change of spaces, a lamp does not answer."
        )
        self.uplinks_lost = counter(
            "uplinks_lost",
            "Uplinks that are missing by their frame counters: lost in the air, at QoS 0, or by the broker.",
        )
        self.uplinks_healed = counter(
            "uplinks_healed", "Uplinks that were missing by their frame counters and have come."
        )
        self.corrected = counter("steps_corrected", "Rows that the log gained because uplinks had come late.")
        self.expired = counter(
            "outgoing_expired", "Notices and other messages that the broker has not taken, deleted after their time."
        )
        self.postponed = counter(
            "partitions_postponed",
            "Failed attempts to make the partition of a month; it is tried again. A session holds the table, or a right is missing.",
        )
        self.months = counter(
            "retention_months",
            "Old months that were dropped, and attempts that were postponed while another session used the table.",
            ["result"],
        )
        self.deleted_rows = counter(
            "stray_rows_deleted", "Old rows that were deleted from default partitions. Every day, a clock is wrong."
        )
        self.retention_failed = counter("retention_failures", "Rounds of retention that failed; they are tried again.")
        self.outbox_backlog = gauge(
            "outbox_backlog", "Publications that the broker has not confirmed yet, counted every 10 seconds."
        )
