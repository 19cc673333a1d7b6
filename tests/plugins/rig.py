"""The rig of the trial that a test is a parameter of."""

from collections.abc import Iterator

import pytest

from tests.proof.rig import Rig, temporary_rig
from tests.proof.trial import Trial


@pytest.fixture
def rig(trial: Trial) -> Iterator[Rig]:
    """The processes of one trial."""
    with temporary_rig(trial.spaces) as rig:
        yield rig
