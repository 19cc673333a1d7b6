"""The short form of some trials. `make proof-database` runs all of them in their long form."""

import pytest

from tests.databases.trials import TRIALS
from tests.proof.rig import Rig
from tests.proof.short import require_nothing_lost, short_of
from tests.proof.trial import Trial


@pytest.mark.parametrize("trial", short_of(TRIALS))
async def test_nothing_is_lost(rig: Rig, trial: Trial) -> None:
    """Nor doubled, invented or wrong."""
    await require_nothing_lost(rig, trial)
