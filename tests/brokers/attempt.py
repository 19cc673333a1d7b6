"""The trials of one engine in a process of its own, because they leave threads and processes of fork servers behind."""

import asyncio
import traceback

import msgspec
import pytest

from tests.brokers.engines import ENGINES
from tests.brokers.engines.engine import Missing
from tests.brokers.stand import stand_of
from tests.brokers.trials import Outcome, tried
from tests.brokers.trials.size import Size
from tests.plugins.daemon import end_of


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """Trials that were run, as their process hands them over."""

    outcome: Outcome | None = None
    left_out: str | None = None
    """Why the engine cannot be had here."""
    failure: str | None = None
    """The traceback of a trial that did not come to its end, and the ends of the logs."""


def attempt(name: str, size: Size) -> Attempt:
    """Run all trials of the engine of this name, with servers of its own."""
    (engine,) = [engine for engine in ENGINES if engine.name == name]
    try:
        product = engine.fetch()
    except Missing as reason:
        return Attempt(left_out=str(reason))
    with stand_of(engine) as stand:
        try:
            outcome = asyncio.run(tried(engine, product, stand, size))
        except (Exception, pytest.fail.Exception, BaseExceptionGroup):  # noqa: BLE001 - the other engines have to run
            logs = sorted((*stand.folder.glob("*.log"), *stand.folder.glob("broker/*.log")))
            return Attempt(failure="\n".join((traceback.format_exc(), *map(end_of, logs))))
        return Attempt(outcome=outcome)
