"""What is true of the simulated city, noted by the simulation itself and by nothing of the gateway."""

from array import array
from collections import Counter, defaultdict
from typing import Final

from tests.year.city import DAY, Zone, day_of

PRIME: Final = 1_000_003


class Ledger:
    """Sums by day and by zone. A day is that of the uplink's time, a stay's end or a notice."""

    def __init__(self, zones: list[Zone], days: int) -> None:
        self.days = days + 1
        cells = len(zones) * self.days
        self.uplinks = array("q", [0] * self.days)
        self.numbers = array("q", [0] * self.days)
        """The sum of the numbers of the uplinks."""
        self.squares = array("q", [0] * self.days)
        """The sum of their squares, each modulo a prime: another set of uplinks has another one."""
        self.arrivals = array("q", [0] * cells)
        self.departures = array("q", [0] * cells)
        self.stay_seconds = array("q", [0] * cells)
        """Of the stays that ended."""
        self.occupied_seconds = array("q", [0] * cells)
        self.reservations: Counter[tuple[int, str]] = Counter()
        """By the day of their beginnings, and by how they ended."""
        self.silent: dict[int, int] = {}
        """Sensors that died, with the day."""
        self.overstays: dict[int, list[int]] = defaultdict(list)
        """Spaces with cars that stay for too long, with the times at which their limits are reached."""
        self.happened: Counter[str] = Counter()
        """What else the simulation did, for people."""

    def sent(self, number: int, time: int) -> None:
        """An uplink with this time was published."""
        day = time // DAY
        self.uplinks[day] += 1
        self.numbers[day] += number
        self.squares[day] += number * number % PRIME

    def arrived(self, zone: int, time: int) -> None:
        """A car came."""
        self.arrivals[zone * self.days + day_of(time)] += 1

    def departed(self, zone: int, arrived: int, time: int) -> None:
        """A car left."""
        cell = zone * self.days + day_of(time)
        self.departures[cell] += 1
        self.stay_seconds[cell] += time - arrived
        self.present(zone, arrived, time)

    def present(self, zone: int, arrived: int, until: int) -> None:
        """A car was there for this time."""
        for day in range(day_of(arrived), day_of(until) + 1):
            self.occupied_seconds[zone * self.days + day] += min(until, (day + 1) * DAY) - max(arrived, day * DAY)
