"""A memory for the results of a pure function with repeated arguments. Bounded in bytes.

Every uplink of a device has the same `deviceInfo`. It is parsed once, and all uplinks share the result.
"""

from collections.abc import Callable
from typing import Final, TypeVar

Asked = TypeVar("Asked", bytes, str)
Answer = TypeVar("Answer")

_MOST: Final = 2048
"""Results, in 3 MB. Of more devices, those that come first are remembered until all is forgotten. To make place for each new one
would cost 0.7 µs an uplink, and be in vain: its next uplink comes after those of all others."""
_LONGEST: Final = 1024
"""Bytes or characters. Without this limit, a publisher of long names could fill the memory."""
_IN_VAIN: Final = 16 * _MOST
"""After so many results that found no place, all are forgotten, because devices come and go."""


def remembered(read: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """`read`, called once for each argument. Its results must not be changed, because they are shared."""
    known: dict[Asked, Answer] = {}
    in_vain = 0

    def look_up(asked: Asked) -> Answer:
        nonlocal in_vain
        if asked in known:
            return known[asked]
        found = read(asked)
        if len(asked) > _LONGEST:
            return found
        if len(known) == _MOST:
            in_vain += 1
            if in_vain < _IN_VAIN:
                return found
            known.clear()
            in_vain = 0
        known[asked] = found
        return found

    return look_up
