"""Draws the car park in the terminal: zones, the last transitions, notices, the last request, rates."""

from collections import deque
from itertools import islice
from typing import Final

from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from parking_gateway.cli.demo.dashboard import Answered, Dashboard
from parking_gateway.cli.demo.ledger import Ledger
from parking_gateway.contract.messages import CountsMessage
from parking_gateway.contract.outgoing import NoticeMessage
from parking_gateway.core.notice import NoticeKind
from parking_gateway.core.space import SpaceState

_BAR_WIDTH: Final = 12
_RATE_OVER_SECONDS: Final = 5
_ALWAYS_SHOWN_LINES: Final = 20
"""Lines without the transitions, which get the other lines of the terminal."""
_COLOURS: Final = {
    SpaceState.FREE: "green",
    SpaceState.OCCUPIED: "red",
    SpaceState.RESERVED: "yellow",
    SpaceState.MAINTENANCE: "blue",
}


class Rate:
    """How fast a number grew in the last seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def per_second(self, total: int, *, now: float) -> float:
        """The rate at `now`, in seconds of any clock, where the number is `total`."""
        self._samples.append((now, total))
        while now - self._samples[0][0] > _RATE_OVER_SECONDS:
            self._samples.popleft()
        then, before = self._samples[0]
        return (total - before) / (now - then) if now > then else 0.0


class View:
    """Draws the dashboard. It keeps only samples for the rates."""

    def __init__(self, dashboard: Dashboard, ledger: Ledger) -> None:
        self._dashboard = dashboard
        self._ledger = ledger
        self._uplinks = Rate()
        self._steps = Rate()

    def draw(self, *, now: float, height: int) -> RenderableType:
        """What the terminal shows at `now`, in seconds of the monotonic clock. `height` is in lines."""
        return Group(
            self._zones(),
            self._last_steps(max(0, height - _ALWAYS_SHOWN_LINES)),
            self._news(),
            self._figures(now),
            Text("Ctrl-C ends it", style="dim"),
        )

    def _zones(self) -> Table:
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        table.add_column("site, zone", no_wrap=True)
        for name in ("total", "free", "occupied", "reserved", "maint.", "unreach."):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("occupancy")
        for site in sorted(self._dashboard.sites):
            table.add_row(*_row(site, self._dashboard.sites[site]), style="bold")
            for _, zone in sorted(key for key in self._dashboard.zones if key[0] == site):
                table.add_row(*_row(f"  {zone}", self._dashboard.zones[site, zone]))
        return table

    def _last_steps(self, limit: int) -> Table:
        table = Table.grid(padding=(0, 1))
        for at, step in islice(self._dashboard.steps, limit):
            change = Text.assemble(_coloured(step.before), " → ", _coloured(step.after))
            table.add_row(
                f"{at:%H:%M:%S}", f"{step.site}/{step.zone}/{step.space}", change, Text(step.cause, style="dim")
            )
        return table

    def _news(self) -> Table:
        """The last notices, and the last request with its reply. A line that is too long is cut."""
        table = Table.grid(padding=(0, 1))
        table.add_column(style="yellow", width=max(map(len, NoticeKind)))
        table.add_column(no_wrap=True, overflow="ellipsis")
        for notice in self._dashboard.notices:
            table.add_row(notice.kind, Text(_about(notice)))
        if answered := self._dashboard.answered:
            table.add_row(Text("request", style="cyan"), Text(_exchange(answered)))
        return table

    def _figures(self, now: float) -> Text:
        uplinks, steps = self._ledger.uplinks, len(self._dashboard.step_ids)
        figures = (
            f"\n{uplinks:,} uplinks ({self._uplinks.per_second(uplinks, now=now):.1f}/s)"
            f" · {steps:,} transitions ({self._steps.per_second(steps, now=now):.1f}/s)"
            f" · {len(self._dashboard.stays):,} stays"
            f"\n{len(self._dashboard.unassigned)} devices without a space"
        )
        for downlink in self._dashboard.downlinks.values():
            figures += f" · lamp: {downlink.state}"
        if health := self._dashboard.health:
            figures += (
                f"\n{health.duplicates:,} duplicates · {health.rejections:,} rejected · lag {health.lag_seconds:.2f} s"
            )
        return Text(figures, style="bold")


def _about(notice: NoticeMessage) -> str:
    place = "/".join(name for name in (notice.site, notice.zone, notice.space) if name)
    return f"{notice.at:%H:%M:%S} {place or notice.dev_eui or ''}"


def _exchange(answered: Answered) -> str:
    asked, error = answered.parameters, answered.reply.error
    place = "/".join(str(asked[name]) for name in ("site", "zone", "space") if name in asked)
    outcome = f"{error.code}: {error.message}" if error else answered.reply.status
    if isinstance(data := answered.reply.data, dict) and "space" in data:
        outcome += f", {data['space']}"
    return f"{answered.verb} {place} by {asked.get('by', 'unknown')} → {outcome}"


def _row(name: str, counts: CountsMessage) -> list[RenderableType]:
    bar = Table.grid(padding=(0, 1))
    bar.add_row(Bar(1, 0, counts.occupancy, width=_BAR_WIDTH, color="red", bgcolor="green"), f"{counts.occupancy:4.0%}")
    numbers = (counts.total, counts.free, counts.occupied, counts.reserved, counts.maintenance, counts.unreachable)
    return [name, *map(str, numbers), bar]


def _coloured(state: SpaceState) -> tuple[str, str]:
    return state.value, _COLOURS[state]
