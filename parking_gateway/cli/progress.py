"""The progress of long work, on standard error: a moving line in a terminal, and elsewhere a plain line once in a while."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from parking_gateway.cli.shown import show_remark
from parking_gateway.core.wording import counted

Advance = Callable[[int], None]
"""Called with how many are done so far."""

_EVERY: Final = 10.0
"""Seconds between two plain lines."""


@contextmanager
def progress(doing: str, noun: str = "") -> Iterator[Advance]:
    """Show how many are done, such as `Replaying: 3,200 uplinks`, until the context ends. Begin it within `signals.run`.

    Without a noun it is shown only that the work goes on.
    """
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        yield from _moving(doing, noun)
    else:
        yield _plain(doing, noun)


def _moving(doing: str, noun: str) -> Iterator[Advance]:
    from rich.console import Console  # noqa: PLC0415 - heavy
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - as above

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(doing)
        yield lambda done: shown.update(task, description=f"{doing}: {counted(done, noun)}")


def _plain(doing: str, noun: str) -> Advance:
    shown_at = time.monotonic()

    def advance(done: int) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at >= _EVERY:
            shown_at = time.monotonic()
            show_remark(f"{doing}: {counted(done, noun)}")

    return advance
