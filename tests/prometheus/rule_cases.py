"""For each alert, series with which it fires and series with which it does not, in promtool's notation.

A series that a case does not name is that of a healthy gateway. A value such as `0+5x60` is 0, 5, 10 and so on, one a minute unless the case says otherwise.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from tools import metrics_page

Series = Mapping[str, str]
"""Values by the sample, without the name of the gateway's namespace and without job and instance."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One alert."""

    fires: Series
    after: int
    """Minutes after which it fires."""
    quiet: Series
    """Series that are nearly as bad. With them the alert never fires."""
    every: int = 1
    """Minutes from one value to the next. Alerts that wait for long have fewer values, which take less time."""


def _case(fires: Series, *, after: int, quiet: Series, every: int = 1) -> Case:
    return Case(fires=fires, after=after, quiet=quiet, every=every)


def _up_to(histogram: str, seconds: float, values: str) -> Series:
    """So many of its 60 observations a minute are in the buckets up to this one; all of them are in the next."""
    (family,) = [one for one in metrics_page.families() if one.name == f"parking_gateway_{histogram}"]
    bounds = [sample.labels["le"] for sample in family.samples if "le" in sample.labels]
    return {f'{histogram}_bucket{{le="{one}"}}': values for one in bounds if float(one) <= seconds}


UP: Final = 'messages_received_total{event="up"}'
REJECTED: Final = 'rejections_total{reason="malformed"}'
POSTPONED: Final = 'retention_months_total{result="postponed"}'
SILENT: Final = 'devices{problem="silent"}'

CASES: Final[Mapping[str, Case]] = {
    "ParkingGatewayDown": _case({"up": "1x5 0x20"}, after=10, quiet={"up": "1x5 0 1x60"}),
    "ParkingGatewayMissing": _case({"up": "1x5 stale"}, after=30, quiet={"up": "1x5 stale _x3 1x60"}),
    "ParkingGatewayRestarts": _case(
        {"process_start_time_seconds": "100x5 400x5 700x5 1000x60"},
        after=20,
        quiet={"process_start_time_seconds": "100x5 400x100 700x60"},
    ),
    "ParkingTasksStalled": _case({"stalled_tasks": "0x5 1x20"}, after=10, quiet={"stalled_tasks": "0x5 1 0x60"}),
    "ParkingGatewayHasProblems": _case({"problems": "0x5 2x60"}, after=25, quiet={"problems": "0x5 2x10 0x60"}),
    "ParkingBrokerAway": _case({"broker_up": "1x5 0x20"}, after=10, quiet={"broker_up": "1x5 0 1x60"}),
    "ParkingBrokerUnstable": _case(
        {"broker_reconnects_total": "0+1x60"}, after=40, quiet={"broker_reconnects_total": "0x5 3x60"}
    ),
    "ParkingSessionLost": _case(
        {"broker_sessions_lost_total": "0x5 1x60"}, after=10, quiet={"broker_sessions_lost_total": "3x90"}
    ),
    "ParkingDatabaseAway": _case({"database_up": "1x5 0x20"}, after=10, quiet={"database_up": "1x5 0 1x60"}),
    "ParkingDatabaseSlow": _case(
        _up_to("batch_seconds", 1, "0+56x60"), after=25, quiet=_up_to("batch_seconds", 1, "0+58x60")
    ),
    "ParkingLogLinesDropped": _case(
        {"log_lines_dropped_total": "0+1x60"}, after=25, quiet={"log_lines_dropped_total": "0x5 1x60"}
    ),
    "ParkingGatewaySilent": _case({UP: "0+60x100 6000x30"}, after=125, quiet={UP: "0+60x100 6000x10 6000+60x60"}),
    "ParkingEventsOverdue": _case(
        {"oldest_event_seconds": "0x5 31+60x20"}, after=10, quiet={"oldest_event_seconds": "0x5 29x60"}
    ),
    "ParkingUplinksLate": _case(
        _up_to("uplink_lag_seconds", 10, "0+56x60"), after=30, quiet=_up_to("uplink_lag_seconds", 10, "0+58x60")
    ),
    "ParkingEventsRejected": _case({REJECTED: "0+6x60"}, after=30, quiet={REJECTED: "0+2x60"}),
    "ParkingUplinksLost": _case(
        {"uplinks_lost_total": "0+6x90"},
        after=60,
        quiet={"uplinks_lost_total": "0+6x90", "uplinks_healed_total": "0+5x90"},
    ),
    "ParkingMessagesDropped": _case(
        {"messages_dropped_total": "0x5 1x60"}, after=10, quiet={"messages_dropped_total": "7x60"}
    ),
    "ParkingClocksWrong": _case(
        {"clock_corrected_total": "0+1x24"}, after=90, quiet={"clock_corrected_total": "0x1 9x24"}, every=5
    ),
    "ParkingUplinksWithoutCodec": _case(
        {"uplinks_without_codec_total": "0+1x60"}, after=45, quiet={"uplinks_without_codec_total": "7x90"}
    ),
    "ParkingJournalInUse": _case(
        {"journal_messages": "0x5 9x60"}, after=20, quiet={"journal_messages": "0x5 9x5 0x60"}
    ),
    "ParkingJournalFills": _case({"journal_bytes": "0x5 81e7x60"}, after=10, quiet={"journal_bytes": "0x5 79e7x60"}),
    "ParkingJournalDiskFills": _case(
        {"journal_disk_free_bytes": "9e8x60"},
        after=25,
        quiet={"journal_disk_free_bytes": "9e8x60", "journal_bytes": "2e8x60"},
    ),
    "ParkingRetentionFails": _case(
        {"retention_failures_total": "0+1x24"}, after=100, quiet={"retention_failures_total": "0x1 1x24"}, every=5
    ),
    "ParkingPartitionsBlocked": _case({POSTPONED: "0+1x40"}, after=390, quiet={POSTPONED: "0x1 9x40"}, every=10),
    "ParkingOutboxGrows": _case({"outbox_backlog": "200+10x60"}, after=30, quiet={"outbox_backlog": "5000-10x60"}),
    "ParkingPublicationsRefused": _case(
        {"publications_refused_total": "0+1x60"}, after=20, quiet={"publications_refused_total": "5x60"}
    ),
    "ParkingNoticesExpire": _case(
        {"outgoing_expired_total": "0x5 1x60"}, after=10, quiet={"outgoing_expired_total": "1x60"}
    ),
    "ParkingDownlinksFail": _case(
        {'notices_total{kind="downlink_failed"}': "0x5 1x60"},
        after=10,
        quiet={'notices_total{kind="conflict"}': "0+1x60"},
    ),
    "ParkingAlertsFail": _case(
        {'alerts_total{medium="mail",result="failed"}': "0+1x60"},
        after=30,
        quiet={'alerts_total{medium="mail",result="delivered"}': "0+1x60"},
    ),
    "ParkingSensorsSilent": _case({SILENT: "0x5 6x60"}, after=20, quiet={SILENT: "0x5 5x60"}),
    "ParkingSpacesStale": _case(
        {"spaces_unreachable": "11x24"}, after=70, quiet={"spaces_unreachable": "10x24"}, every=5
    ),
    "ParkingDevicesNeedAPerson": _case(
        {'devices{problem="stuck"}': "1x24"}, after=70, quiet={'devices{problem="unassigned"}': "1x24"}, every=5
    ),
}
