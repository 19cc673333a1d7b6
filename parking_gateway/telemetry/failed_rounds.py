"""The failed rounds of the clock: one warning while a round fails, a metric, and a problem if a person has to correct it."""

from typing import Final

from parking_gateway.store.verdicts import Diagnosis, Verdict
from parking_gateway.telemetry.absences import Absences
from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.metrics import Metrics

_SENTENCES: Final = {
    "partitions": "A partition cannot be made now; trying again",
    "retention": "Old rows cannot be deleted now; trying again",
}


class FailedRounds:
    """Those of one gateway."""

    def __init__(self, *, health: Health, metrics: Metrics, absences: Absences) -> None:
        self._health = health
        self._metrics = metrics
        self._absences = absences

    def attempted(self, name: str, failure: Diagnosis | None) -> None:
        """Record one attempt at a round. `failure`: the reason if it failed.

        A round that fails because the database is away is not reported: the absence of the database is.
        """
        subject, sentence = f"round {name}", _SENTENCES.get(name, "A round of the clock failed; trying again")
        if failure is None:
            self._health.problems.pop(subject, None)
            self._absences.ended(subject, "A round of the clock succeeds again", round=name)
            return
        if name == "partitions":
            self._metrics.postponed.inc()
        if name == "retention":
            self._metrics.retention_failed.inc()
        if not self._health.is_database_up or failure.is_lost:
            return
        self._absences.noticed(subject, sentence, kind=failure.sentence, round=name, error=failure.sentence)
        # Nobody has to correct a lock. Without a partition of its own, a month is in the default one.
        if failure.verdict is not Verdict.AWAY and name != "partitions":
            self._health.problems[subject] = f"{sentence}: {failure.sentence}"
