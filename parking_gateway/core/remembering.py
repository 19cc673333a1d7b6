"""Answers of a pure function that are kept, because the same is asked again and again. Bounded in bytes.

A device says the same of itself with every uplink, and so does its row: it is read once, and whoever asks again shares the
answer.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

Asked = TypeVar("Asked", bytes, str)
Answer = TypeVar("Answer")

_MOST: Final = 4096
"""Answers, in 5 MB. What is asked of more devices is read each time, which takes 1 to 2 µs."""
_LONGEST: Final = 1024
"""Bytes or characters. Without this limit, whoever publishes long names could fill the memory with them."""


def remembered(read: Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """`read`, asked once for the same. What it returns must not be changed, because it is shared."""
    short = lru_cache(maxsize=_MOST)(read)
    return lambda asked: (short if len(asked) <= _LONGEST else read)(asked)
