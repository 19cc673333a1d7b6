"""A memory for the results of a pure function with repeated arguments. Bounded in bytes.

Every uplink of a device has the same `deviceInfo`, and so has its row. It is parsed once, and all uplinks share the result.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

Asked = TypeVar("Asked", bytes, str)
Answer = TypeVar("Answer")

_MOST: Final = 4096
"""Results, in 5 MB. With more devices, a result is computed each time, which takes 1 to 2 µs."""
_LONGEST: Final = 1024
"""Bytes or characters. Without this limit, a publisher of long names could fill the memory."""


def remembered(read: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """`read`, called once for each argument. Its results must not be changed, because they are shared."""
    short = lru_cache(maxsize=_MOST)(read)
    return lambda asked: (short if len(asked) <= _LONGEST else read)(asked)
