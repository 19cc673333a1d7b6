"""The terminal's picture of the car park: zones, the last transitions, rates."""

from collections import deque
from itertools import islice
from typing import Final

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.cli.demo.watch import Watch
from parking_gateway.contract.messages import CountsMessage
from parking_gateway.core.space import SpaceState

_BAR_WIDTH: Final = 12
_RATE_OVER_SECONDS: Final = 5
_ALWAYS_SHOWN_LINES: Final = 16
"""Of the picture without transitions; these get what the terminal has left."""
_COLOURS: Final = {
    SpaceState.FREE: "green",
    SpaceState.OCCUPIED: "red",
    SpaceState.RESERVED: "yellow",
    SpaceState.MAINTENANCE: "blue",
}


class Rate:
    """How fast a number grows, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def per_second(self, total: int, *, now: float) -> float:
        """The rate at `now` (seconds of any clock), when the number has reached `total`."""
        self._seen.append((now, total))
        while now - self._seen[0][0] > _RATE_OVER_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        return (total - before) / (now - then) if now > then else 0.0


class View:
    """Draws what the watch knows. It keeps only what rates need."""

    def __init__(self, watch: Watch, ledger: Ledger) -> None:
        self._watch = watch
        self._ledger = ledger
        self._uplinks = Rate()
        self._steps = Rate()

    def draw(self, *, now: float, height: int) -> RenderableType:
        """The picture at `now`, in seconds of a clock that never goes back, for a terminal with so many lines."""
        return Group(
            self._zones(),
            self._last_steps(max(0, height - _ALWAYS_SHOWN_LINES)),
            self._figures(now),
            Text("Ctrl-C ends it", style="dim"),
        )

    def _zones(self) -> Table:
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        table.add_column("site, zone", no_wrap=True)
        for name in ("total", "free", "occupied", "reserved", "maint.", "unreach."):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("occupancy")
        for site in sorted(self._watch.sites):
            table.add_row(*_row(site, self._watch.sites[site]), style="bold")
            for _, zone in sorted(key for key in self._watch.zones if key[0] == site):
                table.add_row(*_row(f"  {zone}", self._watch.zones[site, zone]))
        return table

    def _last_steps(self, limit: int) -> Table:
        table = Table.grid(padding=(0, 1))
        for at, step in islice(self._watch.steps, limit):
            change = Text.assemble(_word(step.before), " → ", _word(step.after))
            table.add_row(
                f"{at:%H:%M:%S}", f"{step.site}/{step.zone}/{step.space}", change, Text(step.cause, style="dim")
            )
        return table

    def _figures(self, now: float) -> Text:
        uplinks, steps = self._ledger.uplinks, len(self._watch.step_ids)
        figures = (
            f"\n{uplinks:,} uplinks ({self._uplinks.per_second(uplinks, now=now):.1f}/s)"
            f" · {steps:,} transitions ({self._steps.per_second(steps, now=now):.1f}/s)"
            f" · {len(self._watch.unassigned)} devices unassigned"
        )
        if health := self._watch.health:
            figures += (
                f"\n{health.duplicates:,} duplicates · {health.rejections:,} rejected · lag {health.lag_seconds:.2f} s"
            )
        return Text(figures, style="bold")


def _row(name: str, counts: CountsMessage) -> list[RenderableType]:
    bar = Table.grid(padding=(0, 1))
    bar.add_row(Bar(1, 0, counts.occupancy, width=_BAR_WIDTH, color="red", bgcolor="green"), f"{counts.occupancy:4.0%}")
    numbers = (counts.total, counts.free, counts.occupied, counts.reserved, counts.maintenance, counts.unreachable)
    return [name, *map(str, numbers), bar]


def _word(state: SpaceState) -> tuple[str, str]:
    return state.value, _COLOURS[state]
