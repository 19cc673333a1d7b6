"""How often the retained tree is read back."""

from parking_gateway.outbox.pace import Pace


def test_a_few_connections_read_at_once_and_a_flapping_one_seldom() -> None:
    """A connection a second for an hour: one reading a minute in the end, and three at once after a quiet time."""
    pace, now, began = Pace(), 0.0, list[float]()
    while now < 3600:
        wait = pace.wait(now)
        now += wait or 1
        pace.begin(now)
        began.append(now)
    assert began[:6] == [1, 2, 3, 5, 9, 17]
    assert len(began) < 3600 / 30
    assert [pace.wait(now + 301)] == [0]
