"""Since when every event has reached the gateway, which is what the rounds of the clock judge by."""

from datetime import datetime, timedelta

import pytest

from parking_gateway.store import gateways
from parking_gateway.store.gateways import LastSigns
from parking_gateway.store.pool import Pool
from parking_gateway.telemetry import Health, Metrics
from parking_gateway.telemetry.report import Report
from tests.events import NOON

SECOND = timedelta(seconds=1)


class Clock:
    """A wall clock that the test sets."""

    now = NOON

    def __call__(self) -> datetime:
        """The time."""
        return self.now

    def seconds(self) -> float:
        """Since noon."""
        return (self.now - NOON).total_seconds()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def report(clock: Clock) -> Report:
    health = Health(stalled_after=60 * SECOND, seconds=clock.seconds, clock=clock)
    return Report(health=health, metrics=Metrics(health), root="parking/v1", clock=clock)


def since(report: Report) -> datetime | None:
    """Asked anew each time."""
    return report.listening_since


def test_it_listens_again_when_everything_that_the_broker_has_kept_is_recorded(report: Report, clock: Clock) -> None:
    report.connected(protocol="5", session_present=False)
    assert since(report) == NOON
    report.disconnected("Connection refused")
    assert since(report) is None
    clock.now += 60 * SECOND
    behind, came = [2.0], [60.0]
    report.connected(
        protocol="5", session_present=True, oldest_event=lambda: came[-1], seconds_behind=lambda: behind[-1]
    )
    assert since(report) is None
    behind.append(0.0)
    assert since(report) == NOON
    came.append(60.0 - 6)
    assert since(report) is None


def test_without_a_session_the_broker_has_kept_nothing(report: Report, clock: Clock) -> None:
    report.connected(protocol="5", session_present=True)
    clock.now += SECOND
    report.disconnected("Connection refused")
    report.connected(protocol="5", session_present=False)
    assert report.listening_since == NOON + SECOND


DAY = timedelta(days=1)
SIGNS = LastSigns(
    watched_at=NOON - 60 * SECOND,
    listening_since=NOON - 9 * DAY,
    session_began_at=NOON - 10 * DAY,
    others_watched_at=None,
)


def test_after_a_restart_it_has_listened_since_before(report: Report) -> None:
    report.look_back(SIGNS)
    report.connected(protocol="5", session_present=True)
    assert report.listening_since == NOON - 9 * DAY


def test_a_session_that_is_younger_has_kept_nothing_before(report: Report) -> None:
    report.look_back(SIGNS._replace(session_began_at=NOON - DAY))
    report.connected(protocol="5", session_present=True)
    assert report.listening_since == NOON - DAY


@pytest.mark.parametrize(
    "signs",
    [
        SIGNS._replace(watched_at=NOON - timedelta(minutes=16)),
        SIGNS._replace(watched_at=NOON + timedelta(minutes=16)),
        SIGNS._replace(watched_at=None),
        SIGNS._replace(listening_since=None),
        SIGNS._replace(session_began_at=None),
    ],
)
def test_after_a_long_absence_or_a_step_of_its_clock_it_listens_from_now_on(report: Report, signs: LastSigns) -> None:
    report.look_back(signs)
    report.connected(protocol="5", session_present=True)
    assert report.listening_since == NOON


def test_without_the_session_nothing_of_before_counts(report: Report, clock: Clock) -> None:
    report.look_back(SIGNS)
    report.connected(protocol="5", session_present=False)
    assert report.listening_since == NOON
    clock.now += SECOND
    report.disconnected("Connection refused")
    report.connected(protocol="5", session_present=True)
    assert report.listening_since == NOON


async def test_a_session_with_another_subscription_has_not_kept_these_events(pool: Pool) -> None:
    async with pool.connect() as connection:
        await connection.commit_together(
            gateways.begin_again("here", 1)[-1],
            gateways.watched("here", at=NOON, listening_since=NOON - DAY),
            gateways.watched("here", at=NOON + SECOND, listening_since=None),
            gateways.remember_filters({"application/one/#"}, client_id="parking"),
        )
        same, other = await connection.commit_together(
            gateways.last_signs("here", client_id="parking", events="application/one/#"),
            gateways.last_signs("here", client_id="parking", events="application/#"),
        )
    assert same.session_began_at is not None
    assert other == LastSigns(
        watched_at=NOON + SECOND, listening_since=NOON - DAY, session_began_at=None, others_watched_at=None
    )
