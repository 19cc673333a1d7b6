"""The ledger: what was sent and what the broker confirmed. Whatever is said of the gateway is said against it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from parking_gateway.register.entries import Place


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What one uplink says, and what the gateway therefore has to believe."""

    deduplication_id: UUID
    place: Place | None
    """None: of a device that nobody has installed."""
    seen_at: datetime
    f_cnt: int
    is_occupied: bool | None
    """None: it says nothing of the space."""
    is_damaged: bool = False
    """The codec has to refuse it; the uplink is kept all the same."""


class Ledger:
    """Statements by deduplication id: those that were sent, and how often the broker confirmed each."""

    def __init__(self) -> None:
        self.sent: dict[UUID, Statement] = {}
        """Some of them perhaps not confirmed: the gateway may know them, and need not."""
        self.confirmed: Counter[UUID] = Counter()

    def send(self, statement: Statement) -> None:
        """It is about to be sent."""
        self.sent[statement.deduplication_id] = statement

    def confirm(self, statement: Statement) -> None:
        """The broker has it."""
        self.confirmed[statement.deduplication_id] += 1

    @property
    def uplinks(self) -> int:
        """Uplinks that the broker confirmed, each counted once."""
        return len(self.confirmed)

    @property
    def duplicates(self) -> int:
        """Messages that the broker confirmed beyond the first of each uplink."""
        return self.confirmed.total() - len(self.confirmed)


def last_word(statements: Iterable[Statement]) -> dict[Place, bool]:
    """What each space has to end as: occupied or not, by the newest that was said of it, in whatever order it came."""
    newest: dict[Place, tuple[datetime, int, bool]] = {}
    for one in statements:
        if one.place is None or one.is_occupied is None:
            continue
        word = (one.seen_at, one.f_cnt, one.is_occupied)
        newest[one.place] = max(word, newest.get(one.place, word))
    return {space: is_occupied for space, (_, _, is_occupied) in newest.items()}
