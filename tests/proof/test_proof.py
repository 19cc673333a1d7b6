"""The short form of every trial. `make proof` runs the long form."""

import pytest

from tests.proof.rig import Rig
from tests.proof.short import require_nothing_lost, short_of
from tests.proof.trial import Trial
from tests.proof.trials import TRIALS


@pytest.mark.parametrize("trial", short_of(TRIALS))
async def test_nothing_is_lost(rig: Rig, trial: Trial) -> None:
    """Nor doubled, invented or wrong."""
    await require_nothing_lost(rig, trial)
