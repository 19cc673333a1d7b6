"""The other gateways for watchers: one that is there never looks away, and few events are sent for it."""

from datetime import UTC, datetime, timedelta

from parking_gateway.web.changes import Event
from parking_gateway.web.messages import BoardGateway
from parking_gateway.web.shown_others import ShownOthers, others_event

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WRITES = timedelta(seconds=10)
"""Between two signs of life of a gateway."""
AWAY_AFTER = timedelta(seconds=60)
"""`AWAY_AFTER_MS` of `words.js`."""


def gateway(instance: str, watched_at: datetime | None) -> BoardGateway:
    return BoardGateway(instance=instance, watched_at=watched_at, health=None)


def test_gateways_that_are_there_never_look_away_and_cost_few_events() -> None:
    shown, sent = ShownOthers(), 0
    on_page: dict[str, datetime | None] = {}
    for second in range(600):
        now = NOON + timedelta(seconds=second)
        # They write at different seconds.
        others = [gateway(str(n), now - timedelta(seconds=(second + 3 * n) % WRITES.seconds)) for n in range(3)]
        for event in shown.news(others, now):
            assert event == others_event(others)
            sent += 1
            on_page = {one.instance: one.watched_at for one in others}
        assert all(at is not None and now - at < AWAY_AFTER - WRITES for at in on_page.values())
    assert 10 < sent <= 30


def test_the_last_sign_of_life_is_shown_exactly() -> None:
    shown, last = ShownOthers(), NOON + timedelta(seconds=20)
    sent: list[Event] = []
    for second in range(120):
        now = NOON + timedelta(seconds=second)
        others = [gateway("b", min(last, NOON + second // WRITES.seconds * WRITES))]
        sent += shown.news(others, now)
    assert sent == [others_event([gateway("b", at)]) for at in (NOON, last)]


def test_a_gateway_that_comes_returns_or_goes_is_shown_at_once() -> None:
    shown = ShownOthers()
    assert [*shown.news([], NOON)] == []
    for others in (
        [gateway("b", None)],
        [gateway("b", NOON - timedelta(minutes=5))],
        [gateway("b", NOON)],
        [gateway("b", NOON), gateway("c", NOON)],
        [gateway("c", NOON)],
        [],
    ):
        assert [*shown.news(others, NOON)] == [others_event(others)]
        assert [*shown.news(others, NOON)] == []
