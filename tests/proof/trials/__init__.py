"""The trials, one module for each thing that breaks."""

from tests.proof.trial import TRIALS
from tests.proof.trials import database, gateway

__all__ = ["TRIALS", "database", "gateway"]
