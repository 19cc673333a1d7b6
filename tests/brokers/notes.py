"""What the trials of one engine found, and where it is not what the engine expects."""

import msgspec

PROTOCOL = "MQTT"
SHARED = "shared subscription"
SESSION = "session"
RETAINED = "retained by wildcard"
WILL = "will"
LOST = "lost by `kill -9`"
ORDER = "late uplinks"
RATE = "rows/s"
FAILOVER = "node and gateway killed"
HEADINGS = (PROTOCOL, SHARED, SESSION, RETAINED, WILL, LOST, ORDER, RATE, FAILOVER)


class Notes(msgspec.Struct, kw_only=True):
    """The cells of a row of the table, and complaints."""

    cells: dict[str, str] = {}
    complaints: list[str] = []

    def note(self, heading: str, found: str) -> None:
        """Add to a cell."""
        self.cells[heading] = "; ".join(filter(None, (self.cells.get(heading), found)))

    def complain(self, complaints: list[str]) -> None:
        """Add complaints, of which the first ones are shown."""
        self.complaints += complaints[:_SHOWN]


_SHOWN = 3
