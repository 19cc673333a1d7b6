"""The trials, one module for each thing that breaks."""

from tests.proof.trial import TRIALS
from tests.proof.trials import broker, database, gateway

__all__ = ["TRIALS", "broker", "database", "gateway"]
