"""Figures of several runs: medians, and ratios within a run."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Final, Literal, get_args

from benchmarks.contestants import Contestant
from benchmarks.drain import Drain
from benchmarks.pages import ABSENT

Process = Literal["loop", "broker", "database"]
Figure = Callable[[Drain], float]

_MICROSECONDS: Final = 1e6
_MB: Final = 1e6
_WITHOUT_DIGITS: Final = 100
"""Figures from here on have no decimal."""


def by_contestant(drains: Iterable[Drain]) -> dict[Contestant, list[Drain]]:
    """The drains of each contestant, in the order of the runs."""
    runs: dict[Contestant, list[Drain]] = {one: [] for one in Contestant}
    for drain in drains:
        runs[drain.contestant].append(drain)
    return {one: found for one, found in runs.items() if found}


def rate(drain: Drain) -> float:
    """Uplinks per second."""
    return drain.uplinks_per_second


def cost(process: Process) -> Figure:
    """Microseconds of a core that an uplink takes of a process."""
    return lambda drain: _MICROSECONDS * float(getattr(drain.cpu, process)) / drain.uplinks


def total_cost(drain: Drain) -> float:
    """Microseconds of a core that an uplink takes of the contestant, the broker and the database together."""
    return sum(cost(process)(drain) for process in get_args(Process))


def megabytes(drain: Drain) -> float:
    """The peak of the contestant's memory; 0 where the system does not have it."""
    return (drain.peak_bytes or 0) / _MB


def beside(what: str, first: Sequence[float], second: Sequence[float]) -> tuple[str, ...]:
    """A figure of two contenders, pair by pair: both medians, and the median, lowest and highest of the ratios within a pair."""
    ratios = [other / one if one else 0.0 for one, other in zip(first, second, strict=True)]
    medians = (f"{median(found):,.{0 if median(found) >= _WITHOUT_DIGITS else 1}f}" for found in (first, second))
    return what, *medians, f"{median(ratios):.1%}", f"{min(ratios):.1%} to {max(ratios):.1%}"


def middle(figure: Figure, drains: Iterable[Drain]) -> float:
    """The median of the runs."""
    return median(map(figure, drains))


def ratio(figure: Figure, drains: Sequence[Drain], yardstick: Sequence[Drain]) -> float:
    """The median of the ratios within a run, because a slow machine slows down both."""
    return median(figure(one) / figure(other) for one, other in zip(drains, yardstick, strict=True))


def compared(figure: Figure, drains: Sequence[Drain], yardstick: Sequence[Drain] | None) -> str:
    """The ratio as text, where there is a yardstick."""
    return f"{ratio(figure, drains, yardstick):.0%}" if yardstick else ABSENT


def spread(drains: Sequence[Drain]) -> tuple[str, str]:
    """Uplinks per second: the median, and the lowest to the highest."""
    rates = list(map(rate, drains))
    return f"{median(rates):,.0f}", f"{min(rates):,.0f} to {max(rates):,.0f}"


def pace(drains: Sequence[Drain], yardstick: Sequence[Drain] | None) -> tuple[str, ...]:
    """The cells that every table of drains begins with: uplinks per second and CPU, each beside the yardstick's."""
    return (
        *spread(drains),
        compared(rate, drains, yardstick),
        f"{middle(cost('loop'), drains):.0f}",
        compared(cost("loop"), drains, yardstick),
    )


def summary(runs: int) -> str:
    """How the figures of a table were made."""
    return "one run" if runs == 1 else f"medians of {runs} runs"


def peak(drains: Sequence[Drain]) -> str:
    """The peak of memory in MB, as text."""
    found = [drain.peak_bytes for drain in drains if drain.peak_bytes is not None]
    return f"{median(found) / _MB:.0f}" if found else ABSENT


def published(drains: Sequence[Drain]) -> str:
    """After how many seconds everything was published, as text."""
    found = [drain.published_after for drain in drains if drain.published_after is not None]
    return f"{median(found):.1f} s" if found else ABSENT
