"""The short form of trials, as tests."""

from collections.abc import Iterable

import pytest

from tests.proof.rig import Rig
from tests.proof.table import outcome_of
from tests.proof.trial import Trial


def short_of(trials: Iterable[Trial]) -> list[object]:
    """Those that have a short form, as parameters of a test."""
    return [pytest.param(one, id=f"{one.number}-{one.run.__name__}") for one in trials if one.short]


async def require_nothing_lost(rig: Rig, trial: Trial) -> None:
    """Run it, and fail where something is lost, doubled, invented or wrong."""
    outcome = await outcome_of(trial, rig, trial.short)
    assert outcome.times >= trial.short
    assert outcome.counts.is_right, outcome.counts
    assert outcome.counts.acknowledged > 0
