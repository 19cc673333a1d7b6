"""An excess is logged once at its beginning and once at its end, and is a problem of the health until an hour after its last."""

from datetime import timedelta
from uuid import UUID

import pytest

from parking_gateway.core.committed import Committed
from parking_gateway.core.events import DeadLetter, Reason, Rejection
from parking_gateway.telemetry import Health
from parking_gateway.telemetry.excess import Excess
from parking_gateway.telemetry.recurring import Recurring
from tests.events import NOON


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """The time now."""
        return self.now


def letter(reason: Reason, *, is_cut: bool = False) -> Committed:
    rejection = Rejection(reason=reason, detail="")
    one = DeadLetter(
        rejection=rejection,
        topic="",
        payload=b"",
        received_at=NOON,
        is_redelivered=False,
        digest=UUID(int=0),
        is_cut=is_cut,
    )
    return Committed(rejected=[one])


@pytest.mark.parametrize(
    ("committed", "key"),
    [
        (letter(Reason.TOO_MANY_DEVICES), "limits.new_devices_per_hour"),
        (letter(Reason.MALFORMED, is_cut=True), "limits.rejected_bytes_per_hour"),
    ],
)
def test_an_excess_is_a_problem_until_an_hour_after_its_last(committed: Committed, key: str) -> None:
    clock = Clock()
    health = Health(stalled_after=timedelta(days=1), seconds=clock)
    recurring = Recurring(health)
    excess = Excess(health, recurring)
    excess.committed(letter(Reason.MALFORMED))
    assert health.problems == {}
    for clock.now in (0.0, 1000.0):
        excess.committed(committed)
        (problem,) = health.problems.values()
        assert key in problem
    clock.now = 4599.0
    recurring.expire()
    assert len(health.problems) == 1
    clock.now = 4600.0
    recurring.expire()
    assert health.problems == {}
