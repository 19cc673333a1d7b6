"""A trial in a process of its own, because it may leave threads and signals behind."""

import asyncio
import platform
import traceback
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
import pytest

from tests.plugins.daemon import end_of
from tests.proof.rig import Rig, temporary_rig
from tests.proof.table import Outcome, outcome_of
from tests.proof.trials import TRIALS


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A trial that was run, as its process hands it over."""

    outcome: Outcome | None = None
    versions: str = ""
    left_out: str | None = None
    """Why it could not be run here."""
    failure: str | None = None
    """The traceback of a trial that did not come to its end, and the ends of the logs."""


def attempt(place: int, *, is_long: bool) -> Attempt:
    """Run the trial at this place of `TRIALS`, with servers of its own."""
    trial = TRIALS[place]
    with temporary_rig(trial.spaces) as rig:
        rig.gateway.is_forked = False  # because its start and its memory are measured
        versions = _versions(rig)
        try:
            outcome = asyncio.run(outcome_of(trial, rig, trial.times(is_long=is_long)))
        except pytest.skip.Exception as reason:
            return Attempt(versions=versions, left_out=str(reason))
        except (Exception, pytest.fail.Exception, BaseExceptionGroup):  # noqa: BLE001 - the others have to run
            return Attempt(versions=versions, failure="\n".join((traceback.format_exc(), *map(end_of, _logs(rig)))))
        return Attempt(versions=versions, outcome=outcome)


def _logs(rig: Rig) -> list[Path]:
    return [*sorted(rig.folder.glob("*.log")), *rig.folder.glob("postgresql/log")]


def _versions(rig: Rig) -> str:
    with psycopg.connect(rig.server.url) as connection:
        server = connection.info.parameter_status("server_version")
    system = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {rig.broker.name}, PostgreSQL {server}, {system}"
