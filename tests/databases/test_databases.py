"""The short form of some trials. `make proof-database` runs all of them in their long form."""

from collections.abc import Iterator

import pytest

from tests.databases.trials import TRIALS
from tests.proof.rig import Rig, temporary_rig
from tests.proof.table import outcome_of
from tests.proof.trial import Trial

_SHORT = [trial for trial in TRIALS if trial.short]


@pytest.fixture
def rig(trial: Trial) -> Iterator[Rig]:
    """The processes of one trial."""
    with temporary_rig(trial.spaces) as rig:
        yield rig


@pytest.mark.parametrize("trial", _SHORT, ids=lambda trial: f"{trial.number}-{trial.run.__name__}")
async def test_nothing_is_lost(rig: Rig, trial: Trial) -> None:
    """Nor doubled, invented or wrong."""
    outcome = await outcome_of(trial, rig, trial.short)
    assert outcome.times >= trial.short
    assert outcome.counts.is_right, outcome.counts
    assert outcome.counts.acknowledged > 0
