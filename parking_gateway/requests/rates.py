"""How often requests may be made: by each requester, and by all of them together. Pure, of bounded memory."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from parking_gateway.core.allowance import Allowance

_MINUTE: Final = timedelta(minutes=1)
_MOST: Final = 1000
"""Requesters that are remembered. A requester can take any number of names, and then the limit of all counts."""


class Rates:
    """The allowances. All of one may be used at once, and it comes back within a minute."""

    def __init__(self, *, per_minute: int, of_all: int) -> None:
        """`per_minute` is for each requester."""
        self._per_minute = per_minute
        self._all = Allowance(of_all, _MINUTE)
        self._by: OrderedDict[str, Allowance] = OrderedDict()
        """The one that asked last is at the end."""

    def change(self, *, per_minute: int, of_all: int) -> None:
        """Allow other rates from now on."""
        self._per_minute = per_minute
        self._all.change(of_all)
        for own in self._by.values():
            own.change(per_minute)

    def allow(self, by: str, now: datetime) -> bool:
        """Whether the requester may make one more request, and if so, count it."""
        own = self._by.pop(by, None) or Allowance(self._per_minute, _MINUTE)
        self._by[by] = own
        if len(self._by) > _MOST:
            self._by.popitem(last=False)
        if not own.left(now) or not self._all.left(now):
            return False
        own.use(1, now)
        self._all.use(1, now)
        return True
