"""What was measured, as JSON with every single run and as a Markdown table of medians."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from statistics import median
from typing import Final

import msgspec

from benchmarks.contestants import Contestant
from benchmarks.drain import Drain
from benchmarks.events import Form
from benchmarks.latency import Latency
from benchmarks.machine import Commits, Machine

_ABSENT: Final = "-"
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
    """One kind of backlog, and how often each contestant drained it."""

    form: Form
    changes: float
    uplinks: int
    spaces: int
    mean_bytes: float
    drains: list[Drain]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One `make bench`."""

    at: datetime
    machine: Machine
    commits: Commits
    scenarios: list[Scenario]
    latencies: list[Latency]


def as_json(report: Report) -> bytes:
    """All of it."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def as_markdown(report: Report) -> str:
    """The tables, with what they were measured on."""
    parts = [_head(report), *map(_drains, report.scenarios)]
    if report.latencies:
        parts.append(_latencies(report.latencies))
    return "\n\n".join(parts) + "\n"


def _head(report: Report) -> str:
    machine, commits = report.machine, report.commits
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    return (
        f"{report.at:%Y-%m-%d %H:%M} UTC. {machine.processor}, {machine.cores} cores, "
        f"{machine.memory_bytes / 2**30:.0f} GiB, {machine.system}; load before the start {machine.load_before}. "
        f"{versions}.\n\n"
        f"One commit of one row: {commits.p50:.1f} ms (p50), {commits.p99:.1f} ms (p99), {commits.worst:.1f} ms (worst)."
    )


def _drains(scenario: Scenario) -> str:
    runs = {one: [drain for drain in scenario.drains if drain.contestant is one] for one in Contestant}
    runs = {one: drains for one, drains in runs.items() if drains}
    yardstick = runs.get(Contestant.BARE)
    heading = (
        f"A backlog of {scenario.uplinks:,} uplinks ({scenario.form}, {scenario.mean_bytes:,.0f} bytes each) from "
        f"{scenario.spaces:,} spaces, {scenario.changes:.0%} of them changing a state; medians of "
        f"{max(map(len, runs.values()))} runs:"
    )
    rows = (_row(one, drains, yardstick) for one, drains in runs.items())
    return "\n".join((heading, "", *_table(_DRAIN_HEAD, rows)))


def _row(contestant: Contestant, drains: list[Drain], yardstick: list[Drain] | None) -> tuple[str, ...]:
    rates = [drain.uplinks_per_second for drain in drains]
    peaks = [drain.peak_bytes for drain in drains if drain.peak_bytes is not None]
    published = [drain.published_after for drain in drains if drain.published_after is not None]
    return (
        contestant.words,
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f} to {max(rates):,.0f}",
        _ratio(_rate, drains, yardstick),
        f"{_microseconds(drains, 'loop'):.0f}",
        _ratio(_loop, drains, yardstick),
        f"{_microseconds(drains, 'broker'):.0f}",
        f"{_microseconds(drains, 'database'):.0f}",
        f"{median(peaks) / 1e6:.0f}" if peaks else _ABSENT,
        f"{median(published):.1f} s" if published else _ABSENT,
    )


def _rate(drain: Drain) -> float:
    return drain.uplinks_per_second


def _loop(drain: Drain) -> float:
    return drain.cpu.loop / drain.uplinks


def _microseconds(drains: Iterable[Drain], process: str) -> float:
    return float(median(1e6 * getattr(drain.cpu, process) / drain.uplinks for drain in drains))


def _ratio(figure: Callable[[Drain], float], drains: list[Drain], yardstick: list[Drain] | None) -> str:
    """The median of the ratios within a run: what slows down a whole run slows down both."""
    if not yardstick:
        return _ABSENT
    return f"{median(figure(one) / figure(other) for one, other in zip(drains, yardstick, strict=True)):.0%}"


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
    return "\n".join((heading, "", *_table(_LATENCY_HEAD, rows)))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _line(head)
    yield _line(("---", *["---:"] * (len(head) - 1)))
    yield from map(_line, rows)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
