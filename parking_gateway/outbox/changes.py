"""Spaces that have changed and are not published yet, with their rows as far as the commits have read them. Pure."""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from parking_gateway.core.due import Due
from parking_gateway.core.space import SpaceId

_FRESH: Final = 1.0
"""Seconds for which a row is published as its commit has read it. Names that its space has no more are cleared for a minute."""


class Some(NamedTuple):
    """Changed spaces that are published together."""

    spaces: Sequence[SpaceId]
    rows: Sequence[Due] | None
    """None: they have to be read."""


class Changes:
    """Each space once. Times are seconds of any one clock."""

    def __init__(self) -> None:
        self._rows: dict[SpaceId, Due | None] = {}
        self._read_at: float | None = None
        """When the oldest of the rows was read. None: there is no row."""

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, space: SpaceId) -> bool:
        return space in self._rows

    def add(self, spaces: Collection[SpaceId], rows: Mapping[int | str, Due], *, now: float) -> None:
        """Spaces that have changed, and the rows of those that were read: each as it is now."""
        if rows and self._read_at is None:
            self._read_at = now
        for space in spaces:
            self._rows[space] = rows.get(space)

    def take(
        self, limit: int, *, without: Collection[int | str], read_again: Collection[int | str], now: float
    ) -> Some:
        """Take so many at most, and those that would be `read_again` only with their rows. All that are left are read afterwards."""
        if self._read_at is not None and now >= self._read_at + _FRESH:
            self.forget_rows()
        fit = (
            one for one, row in self._rows.items() if one not in without and (row is not None or one not in read_again)
        )
        spaces = list(islice(fit, limit))
        rows = [row for space in spaces if (row := self._rows.pop(space)) is not None]
        self.forget_rows()
        return Some(spaces, rows if len(rows) == len(spaces) else None)

    def forget_rows(self) -> None:
        """Have all of them read again."""
        self._rows = dict.fromkeys(self._rows)
        self._read_at = None

    def clear(self) -> None:
        """All are published in another way."""
        self._rows.clear()
        self._read_at = None
