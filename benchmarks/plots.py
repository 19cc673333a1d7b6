"""Draws the results as SVG. The same figures give the same bytes."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from benchmarks.contestants import Contestant
from benchmarks.figures import Process, by_contestant, cost, middle, rate
from benchmarks.latency import Latency
from benchmarks.report import Report, Scenario

_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "parking-gateway",  # the ids within a file, which are random otherwise
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.edgecolor": "#9aa1a9",
    "axes.labelcolor": "#3c434a",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e3e6e9",
    "xtick.color": "#3c434a",
    "ytick.color": "#3c434a",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}
_INK: Final = "#3c434a"
_COLORS: Final = {
    Contestant.RECEIVE: "#b8bfc6",
    Contestant.BARE: "#7f8c99",
    Contestant.DAEMON: "#1f6fb2",
    Contestant.TELEGRAF: "#3b8f5a",
}
_PROCESSES: Final[dict[Process, tuple[str, str]]] = {
    "loop": ("the process itself", "#1f6fb2"),
    "database": ("PostgreSQL", "#e08a2e"),
    "broker": ("Mosquitto", "#9aa1a9"),
}
_MARKS: Final = ("|", "v", "x")
_LINES: Final = ("#1f6fb2", "#e08a2e", "#3b8f5a", "#8a5ab0")
_WIDTH: Final = 7.6
_BAR: Final = 0.62
_INCHES_PER_BAR: Final = 0.42
_INCHES_AROUND: Final = 1.05
_LATENCY_HEIGHT: Final = 3.8
_ROOM: Final = 1.18
"""How far the axis goes beyond the longest bar, for the figure beside it."""
_COURSE_HEIGHT: Final = 2.9


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """A plot of figures over the days."""

    name: str
    """Of its file, without an ending."""
    title: str
    unit: str
    lines: Mapping[str, Sequence[float]]
    """By their words, a figure for each day."""
    marks: Mapping[str, Sequence[int]]
    """What happened on which days."""
    is_logarithmic: bool = False


def draw_courses(courses: Sequence[Course], folder: Path) -> None:
    """Draw each into a file of its own in the folder. matplotlib has to be installed."""
    import matplotlib as mpl  # noqa: PLC0415 - as below
    from matplotlib.figure import Figure  # noqa: PLC0415 - as below

    with mpl.rc_context(_STYLE):
        for course in courses:
            _course(Figure, course).savefig(folder / f"{course.name}.svg", metadata={"Date": None})


def _course(figure_type: Any, course: Course) -> Any:
    figure = figure_type(figsize=(_WIDTH, _COURSE_HEIGHT))
    axes = figure.subplots()
    axes.set_title(course.title, color=_INK)
    for (words, values), color in zip(course.lines.items(), _LINES, strict=False):
        axes.plot(range(1, len(values) + 1), values, linewidth=1.3, color=color, label=words)
    if course.is_logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.set_ylim(bottom=0)
    # In the coordinates of the axes, so that marks are at the lower edge of every scale.
    for number, (words, days) in enumerate(course.marks.items()):
        heights = [0.02 + 0.03 * number] * len(days)
        places = axes.get_xaxis_transform()
        axes.plot(
            [day + 1 for day in days], heights, _MARKS[number], markersize=4, color=_INK, label=words, transform=places
        )
    axes.set_xlabel("simulated day")
    axes.set_ylabel(course.unit)
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def draw(report: Report, folder: Path) -> str:
    """Draw the plots into the folder. Returns a sentence about what was drawn, or what is missing for it."""
    if importlib.util.find_spec("matplotlib") is None:
        return "No plots: matplotlib is not installed, and `make bench` brings it."
    import matplotlib as mpl  # noqa: PLC0415 - takes half a second, and the guard has none
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    with mpl.rc_context(_STYLE):
        drawn = {"throughput": _throughput(Figure, report.scenarios), "cpu": _processor(Figure, report.scenarios)}
        if report.latencies:
            drawn["latency"] = _latencies(Figure, report.latencies)
        for name, figure in drawn.items():
            figure.savefig(folder / f"bench-{name}.svg", metadata={"Date": None})
    return f"Drawn: {', '.join(f'bench-{name}.svg' for name in drawn)} in {folder}"


def _throughput(figure_type: Any, scenarios: Sequence[Scenario]) -> Any:
    figure, panels = _panels(figure_type, scenarios)
    for axes, scenario in zip(panels, scenarios, strict=True):
        runs = by_contestant(scenario.drains)
        for place, (contestant, drains) in enumerate(runs.items()):
            rates = list(map(rate, drains))
            usual = median(rates)
            whiskers = [[usual - min(rates)], [max(rates) - usual]]
            axes.barh(place, usual, _BAR, color=_COLORS[contestant])
            axes.errorbar(usual, place, xerr=whiskers, color=_INK, capsize=3, linewidth=1)
            _annotate(axes, max(rates), place, f"{usual:,.0f}")
        _name_bars(axes, list(runs))
    panels[-1].set_xlabel("uplinks per second: median, lowest and highest run")
    return figure


def _processor(figure_type: Any, scenarios: Sequence[Scenario]) -> Any:
    figure, panels = _panels(figure_type, scenarios)
    for axes, scenario in zip(panels, scenarios, strict=True):
        runs = by_contestant(scenario.drains)
        for place, drains in enumerate(runs.values()):
            end = 0.0
            for process, (words, color) in _PROCESSES.items():
                took = middle(cost(process), drains)
                axes.barh(place, took, _BAR, left=end, color=color, label=words if place == 0 else None)
                end += took
            _annotate(axes, end, place, f"{end:,.0f}")
        _name_bars(axes, list(runs))
    panels[-1].set_xlabel("microseconds of a core per uplink, medians")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(_PROCESSES))
    return figure


def _latencies(figure_type: Any, latencies: Sequence[Latency]) -> Any:
    figure = figure_type(figsize=(_WIDTH, _LATENCY_HEIGHT))
    axes = figure.subplots()
    axes.set_title("From an uplink's publication to the retained state, as a subscriber sees it", color=_INK)
    for one, color in zip(latencies, _LINES, strict=False):
        values = (one.p50, one.p99, one.p999, one.worst)
        words = f"{one.load.rate:,} uplinks/s, {one.load.changes:.0%} changes"
        axes.plot(range(len(values)), values, marker="o", markersize=5, linewidth=1.6, color=color, label=words)
        for place, value in enumerate(values):
            axes.annotate(f"{value:.0f}", (place, value), (0, 6), textcoords="offset points", ha="center", color=color)
    axes.set_xticks(range(4), ("p50", "p99", "p99.9", "worst"))
    axes.set_ylabel("milliseconds")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.12)
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=1)
    return figure


def _panels(figure_type: Any, scenarios: Sequence[Scenario]) -> tuple[Any, list[Any]]:
    """One below the other, on one scale."""
    heights = [len(by_contestant(scenario.drains)) * _INCHES_PER_BAR + _INCHES_AROUND for scenario in scenarios]
    figure = figure_type(figsize=(_WIDTH, sum(heights)))
    panels = figure.subplots(len(scenarios), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, scenario in zip(panels, scenarios, strict=True):
        words = f"{scenario.uplinks:,} uplinks ({scenario.form}) from {scenario.spaces:,} spaces"
        axes.set_title(f"{words}, {scenario.changes:.0%} changing a state", color=_INK)
    return figure, list(panels)


def _name_bars(axes: Any, contestants: Sequence[Contestant]) -> None:
    axes.set_yticks(range(len(contestants)), [one.words for one in contestants])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="x")
    axes.set_xlim(right=max(axes.get_xlim()[1], axes.dataLim.x1 * _ROOM))


def _annotate(axes: Any, x: float, place: int, words: str) -> None:
    axes.annotate(words, (x, place), (6, 0), textcoords="offset points", va="center", color=_INK)
