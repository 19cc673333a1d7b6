"""The results of `make bench`, as JSON with every run and as Markdown tables of medians."""

from datetime import datetime
from typing import Final

import msgspec

from benchmarks.contestants import Contestant
from benchmarks.drain import Drain
from benchmarks.events import Form
from benchmarks.figures import by_contestant, cost, middle, pace, peak, published, summary
from benchmarks.latency import Latency
from benchmarks.machine import Commits, Machine
from benchmarks.pages import measured_on, page, table

_DRAIN_HEAD: Final = (
    "",
    "uplinks/s",
    "lowest to highest",
    "of (b)",
    "CPU µs per uplink",
    "of (b)",
    "Mosquitto",
    "PostgreSQL",
    "peak MB",
    "all published after",
)
_LATENCY_HEAD: Final = (
    "uplinks/s",
    "changing a state",
    "samples",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "worst ms",
    "publisher late by at most, ms",
)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of backlog, and the drains of all contestants."""

    form: Form
    changes: float
    uplinks: int
    spaces: int
    mean_bytes: float
    settings: dict[str, str] = {}
    """The settings that are not the gateway's defaults."""
    drains: list[Drain]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One `make bench`."""

    at: datetime
    machine: Machine
    commits: Commits
    scenarios: list[Scenario]
    latencies: list[Latency]


def as_markdown(report: Report) -> str:
    """The tables, and the machine of the measurement."""
    commits = report.commits
    parts = [
        measured_on(report.machine, at=report.at),
        f"One commit of one row: {commits.p50:.1f} ms (p50), {commits.p99:.1f} ms (p99), {commits.worst:.1f} ms (worst).",
        *map(_drains, report.scenarios),
    ]
    if report.latencies:
        parts.append(_latencies(report.latencies))
    return page(*parts)


def _drains(scenario: Scenario) -> str:
    runs = by_contestant(scenario.drains)
    yardstick = runs.get(Contestant.BARE)
    settings = "".join(f", with {name}={value}" for name, value in scenario.settings.items())
    heading = (
        f"A backlog of {scenario.uplinks:,} uplinks ({scenario.form}, {scenario.mean_bytes:,.0f} bytes each) from "
        f"{scenario.spaces:,} spaces, {scenario.changes:.0%} of them changing a state{settings}; "
        f"{summary(max(map(len, runs.values())))}:"
    )
    rows = (_row(one, drains, yardstick) for one, drains in runs.items())
    return "\n".join((heading, "", table(_DRAIN_HEAD, rows)))


def _row(contestant: Contestant, drains: list[Drain], yardstick: list[Drain] | None) -> tuple[str, ...]:
    return (
        contestant.words,
        *pace(drains, yardstick),
        f"{middle(cost('broker'), drains):.0f}",
        f"{middle(cost('database'), drains):.0f}",
        peak(drains),
        published(drains),
    )


def _latencies(latencies: list[Latency]) -> str:
    heading = "From an uplink's publication to the retained state that it causes, as a subscriber sees it:"
    rows = (
        (
            f"{one.load.rate:,}",
            f"{one.load.changes:.0%}",
            f"{one.samples:,}",
            *(f"{value:.1f}" for value in (one.p50, one.p99, one.p999, one.worst, one.publisher_late)),
        )
        for one in latencies
    )
    return "\n".join((heading, "", table(_LATENCY_HEAD, rows)))
