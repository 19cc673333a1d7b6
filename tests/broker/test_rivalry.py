"""Another client with our id is recognised by the ends of connections, and new connections come slower."""

from datetime import timedelta

import pytest

from parking_gateway.broker.link import MqttError
from parking_gateway.broker.reasons import ConnectionClosed, SessionTakenOver
from parking_gateway.broker.rivalry import Rivalry

MOMENT = timedelta(seconds=1)


def ended(error: BaseException, times: int, *, has_worked: bool = True, lasted: timedelta = MOMENT) -> Rivalry:
    rivalry = Rivalry("gateway")
    for _ in range(times):
        rivalry.ended(error, has_worked=has_worked, lasted=lasted)
    return rivalry


def test_a_session_that_is_taken_over_is_a_complaint_at_once() -> None:
    assert "mqtt.client_id, gateway" in str(ended(SessionTakenOver("x"), 1).complaint)
    assert ended(SessionTakenOver("x"), 1).wait() == 0


def test_connections_that_are_closed_again_and_again_point_to_a_rival() -> None:
    assert ended(ConnectionClosed("x"), 2).complaint is None
    assert "Probably another client uses the same mqtt.client_id" in str(ended(ConnectionClosed("x"), 3).complaint)


def test_other_ends_of_connections_point_to_no_rival() -> None:
    """A broker that is away or refuses us, a connection that never worked, and one that lasted."""
    assert ended(OSError(), 9).complaint is None
    assert ended(MqttError("refused"), 9).complaint is None
    assert ended(ConnectionClosed("x"), 9, has_worked=False).complaint is None
    assert ended(ConnectionClosed("x"), 9, lasted=timedelta(minutes=2)).complaint is None


def test_the_wait_grows_to_a_minute() -> None:
    waits = [ended(ConnectionClosed("x"), times).wait() for times in range(2, 12)]
    assert waits[0] == 0
    assert 1 <= waits[1] <= 2
    assert 30 <= waits[-1] <= 60


def test_another_cause_ends_the_suspicion() -> None:
    rivalry = ended(ConnectionClosed("x"), 5)
    rivalry.explained()
    assert (rivalry.complaint, rivalry.wait()) == (None, 0)


@pytest.mark.parametrize(
    ("error", "has_worked"),
    [(ConnectionResetError(), False), (ConnectionClosed("x"), False), (MqttError("x"), True), (OSError(), True)],
)
def test_a_lost_reason_does_not_withdraw_a_proven_rival(error: Exception, *, has_worked: bool) -> None:
    """The rival comes before the connection has worked; or the broker resets it, so that its reason does not arrive."""
    rivalry = ended(SessionTakenOver("x"), 1)
    for _ in range(3):
        rivalry.ended(error, has_worked=has_worked, lasted=MOMENT)
        assert "mqtt.client_id, gateway" in str(rivalry.complaint)
    assert rivalry.wait() > 0
    rivalry.ended(ConnectionRefusedError(), has_worked=False, lasted=MOMENT)
    assert rivalry.complaint is None
