"""What is fuzzed: how bytes become an input, which law the result must obey, and the seeds."""

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple


class Broken(AssertionError):  # noqa: N818 - a law is broken
    """The result breaks a law."""


class FuzzTarget(NamedTuple):
    """One target of fuzzing."""

    try_out: Callable[[bytes], None]
    """Raises an exception if a law is broken."""
    seeds: Callable[[], Iterator[bytes]]
    described: Callable[[bytes], str]
    """The input as a person reads it."""
    longest: int
    """Bytes."""
    bent: Callable[[bytes, Random], bytes | None] = lambda *_: None
    """Changes the input where changes of single bytes rarely help; None if the target has no such change."""
