"""The page of the year: its plots and its table, between the markers of docs/explanation/year.md."""

import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from benchmarks.plots import Course, draw_courses
from tests.year.gauges import Day

_DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = _DOCS / "explanation/year.md"
IMAGES: Final = _DOCS / "images"
_BETWEEN: Final = re.compile(r"(?<=<!-- year -->\n).*(?=<!-- end of the year -->)", re.DOTALL)
_MARKS: Final = {"restart": "restart of the gateway", "failover": "failover", "broker": "restart of the broker"}
_REAL_UPLINKS: Final = 16
"""Uplinks of a sensor and day in a real city: six cars, of which each makes two, and some heartbeats."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A year that was played, and in which everything was right."""

    spaces: int
    days: Sequence[Day]
    minutes: float
    versions: str
    command: str
    done: dict[str, int]
    """How often each thing happened."""


def write(result: Result) -> None:
    """Write the plots, and the part of the page that is measured."""
    draw_courses(courses(result.days), IMAGES)
    PAGE.write_text(_BETWEEN.sub(lambda _: f"{text(result)}\n", PAGE.read_text()))


def courses(days: Sequence[Day]) -> list[Course]:
    """The plots."""
    marks = {words: [one.number for one in days if mark in one.marks] for mark, words in _MARKS.items()}

    def course(
        name: str, title: str, unit: str, lines: dict[str, list[float]], *, is_logarithmic: bool = False
    ) -> Course:
        return Course(
            name=f"year-{name}", title=title, unit=unit, lines=lines, marks=marks, is_logarithmic=is_logarithmic
        )

    return [
        course(
            "latency",
            "From the publication of an uplink to the retained state, under full load",
            "milliseconds",
            {
                "median of the day": [one.latencies[0] * 1000 for one in days],
                "99 of 100": [one.latencies[1] * 1000 for one in days],
            },
            is_logarithmic=True,
        ),
        course(
            "memory",
            "Memory at the end of each day",
            "MB",
            {
                "gateway": [one.gateway_bytes / 1e6 for one in days],
                "Mosquitto": [one.broker_bytes / 1e6 for one in days],
            },
        ),
        course(
            "disk",
            "Disk at the end of each day",
            "MB",
            {
                "database": [one.database_bytes / 1e6 for one in days],
                "uplinks, kept for 60 days": [one.uplink_table_bytes / 1e6 for one in days],
                "steps and stays, kept for 60 days": [one.history_bytes / 1e6 for one in days],
                "hours, kept for ever": [one.hours_bytes / 1e6 for one in days],
            },
        ),
        course(
            "processor",
            "Work for each uplink, with all rounds of the clock",
            "microseconds of a core",
            {
                "gateway": [one.gateway_seconds / max(1, one.uplinks) * 1e6 for one in days],
                "both PostgreSQL servers": [one.database_seconds / max(1, one.uplinks) * 1e6 for one in days],
                "Mosquitto": [one.broker_seconds / max(1, one.uplinks) * 1e6 for one in days],
            },
        ),
    ]


def text(result: Result) -> str:
    """The measured part of the page."""
    days = result.days
    uplinks = sum(one.uplinks for one in days)
    a_day = uplinks / len(days) / result.spaces
    late = days[len(days) // 4 :]
    lines = [
        (
            f"{result.versions}: {result.spaces:,} spaces for {len(days)} days in {result.minutes:.0f} minutes,"
            f" {len(days) * 24 * 60 / result.minutes:,.0f} times as fast as time, by `{result.command}`."
        ),
        "",
        (
            f"{uplinks:,} uplinks are {a_day:.2f} for each sensor and day, {_REAL_UPLINKS / a_day:.0f} times fewer than in a real"
            f" city. {uplinks / sum(one.seconds for one in days):,.0f} uplinks a second came through on average."
        ),
        "",
        "| what happened | times |",
        "|---|---:|",
        *(f"| {words} | {times:,} |" for words, times in result.done.items()),
        "",
        "| a simulated day | median | worst |",
        "|---|---:|---:|",
        _row("latency, median", [one.latencies[0] * 1000 for one in late], "ms"),
        _row("latency, 99 of 100", [one.latencies[1] * 1000 for one in late], "ms"),
        _row("memory of the gateway", [one.gateway_bytes / 1e6 for one in late], "MB"),
        _row("size of the database", [one.database_bytes / 1e6 for one in late], "MB"),
        _row(
            "CPU of the gateway for an uplink", [one.gateway_seconds / max(1, one.uplinks) * 1e6 for one in late], "µs"
        ),
        "",
        f"The table is of the days after day {len(days) - len(late)}.",
        "",
        "**Lost: 0. Doubled: 0. Wrong: 0.**",
        "",
        *(f"![{one.title}](../images/{one.name}.svg)\n" for one in courses(days)),
    ]
    return "\n".join(lines).rstrip()


def versions_of(broker: str, server: str) -> str:
    """What was measured, and when."""
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {broker}, PostgreSQL {server}, Python {platform.python_version()},"
        f" {platform.system()} {platform.machine()}"
    )


def _row(words: str, values: Sequence[float], unit: str) -> str:
    return f"| {words} | {median(values):,.0f} {unit} | {max(values):,.0f} {unit} |"
