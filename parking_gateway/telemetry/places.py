"""Metrics of the spaces by their state, as the clock has counted them last."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from parking_gateway.core.due import DueCounts
from parking_gateway.core.space import SpaceState
from parking_gateway.telemetry.scraped import NAMESPACE


class Places(Collector):
    """The sums of all zones, and series for each zone up to a limit. A scrape sees one count as a whole."""

    def __init__(self, most_zones: int) -> None:
        self._most = most_zones
        self._zones: Sequence[DueCounts] | None = None

    def counted(self, zones: Sequence[DueCounts]) -> None:
        """Replace the numbers. A zone that is not among them has no series any more."""
        self._zones = zones

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called at every scrape, by any thread."""
        spaces = _family("spaces", "Spaces by state, of all zones; in counted zones, places.", "state")
        unreachable = _family("spaces_unreachable", "Spaces whose sensor is not heard, or never was.")
        by_zone = _family("zone_spaces", "Spaces of a zone by state.", "site", "zone", "state")
        left_out = _family("zones_left_out", "Zones without series of their own, because of telemetry.zones.")
        if (zones := self._zones) is not None:
            for state in SpaceState:
                spaces.add_metric([state], sum(_number(one, state) for one in zones))
            unreachable.add_metric([], sum(one.unreachable for one in zones))
            for one in zones[: self._most]:
                for state in SpaceState:
                    by_zone.add_metric([one.site, one.zone or "", state], _number(one, state))
            left_out.add_metric([], max(0, len(zones) - self._most))
        yield from (spaces, unreachable, by_zone, left_out)


def _number(zone: DueCounts, state: SpaceState) -> int:
    match state:
        case SpaceState.FREE:
            return zone.free
        case SpaceState.OCCUPIED:
            return zone.occupied
        case SpaceState.RESERVED:
            return zone.reserved
        case SpaceState.MAINTENANCE:
            return zone.maintenance


def _family(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{NAMESPACE}_{name}", meaning, labels=labels)
