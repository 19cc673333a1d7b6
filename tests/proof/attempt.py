"""A trial in a process of its own, because it may leave threads and signals behind."""

import asyncio
import multiprocessing
import platform
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import msgspec
import psycopg
import pytest

from tests.plugins.daemon import end_of
from tests.proof.rig import Rig, temporary_rig
from tests.proof.table import Outcome, outcome_of
from tests.proof.trial import Trial


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that was run, as its process hands it over."""

    name: str
    outcome: Outcome | None = None
    versions: str = ""
    left_out: str | None = None
    """Why it could not be run here."""
    failure: str | None = None
    """The traceback of a trial that did not come to its end, and the ends of the logs."""


def attempts(package: str, chosen: Sequence[int], *, is_long: bool, jobs: int) -> Iterator[Attempt]:
    """Run the trials at these places of `TRIALS` in this package, so many side by side, each as it ends."""
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=processes, max_tasks_per_child=1) as pool:
        running = [pool.submit(_attempt, package, place, is_long=is_long) for place in chosen]
        for ended in as_completed(running):
            yield ended.result()


def _attempt(package: str, place: int, *, is_long: bool) -> Attempt:
    """Run one, with servers of its own."""
    trial: Trial = import_module(package).TRIALS[place]
    name = f"{trial.number}, {trial.title}"
    with temporary_rig(trial.spaces) as rig:
        rig.gateway.is_forked = False  # because its start and its memory are measured
        versions = _versions(rig)
        try:
            outcome = asyncio.run(outcome_of(trial, rig, trial.times(is_long=is_long)))
        except pytest.skip.Exception as reason:
            return Attempt(name=name, versions=versions, left_out=str(reason))
        except (Exception, pytest.fail.Exception, BaseExceptionGroup):  # noqa: BLE001 - the others have to run
            failure = "\n".join((traceback.format_exc(), *map(end_of, _logs(rig))))
            return Attempt(name=name, versions=versions, failure=failure)
        return Attempt(name=name, versions=versions, outcome=outcome)


def _logs(rig: Rig) -> list[Path]:
    return [*sorted(rig.folder.glob("*.log")), *rig.folder.glob("postgresql/log")]


def _versions(rig: Rig) -> str:
    with psycopg.connect(rig.server.url) as connection:
        server = connection.info.parameter_status("server_version")
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {rig.broker.name}, PostgreSQL {server}, {system}"
