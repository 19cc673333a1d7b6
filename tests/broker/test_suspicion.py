"""Publications on which a broker hangs up are found by what was under way, and set aside for a while."""

from parking_gateway.broker.suspicion import Suspicion
from parking_gateway.contract.publication import Publication

BAD = "p/v1/spaces/s/z/bad"


def page(*topics: str) -> list[Publication]:
    return [Publication(topic=topic, payload=b"", retain=True) for topic in topics]


def connection(suspicion: Suspicion, topics: list[str], bad: set[str], *, now: float = 0.0) -> list[str]:
    """Publish until the broker hangs up; what it took."""
    taken: list[str] = []
    for window in suspicion.windows(page(*topics), 10, now):
        sent = [one.topic for one in window]
        if bad.intersection(sent):
            suspicion.lost(sent, now)
            return taken
        suspicion.taken(sent)
        taken += sent
    return taken


GOOD = [f"p/v1/spaces/s/z/{number}" for number in range(25)]


def test_the_one_is_set_aside_and_all_others_are_taken() -> None:
    suspicion = Suspicion("p/v1")
    topics = [*GOOD[:5], BAD, *GOOD[5:]]
    for _ in range(4):
        assert set(connection(suspicion, topics, {BAD})) < set(GOOD)
    assert connection(suspicion, topics, {BAD}) == GOOD
    assert [refusal.topic for refusal in suspicion.aside(page(*topics), 0.0)] == [BAD]
    assert suspicion.convicted == 1


def test_one_loss_is_no_suspicion() -> None:
    """A broker that is restarted gets the page again as it was."""
    suspicion = Suspicion("p/v1")
    suspicion.lost(GOOD[:10], 0.0)
    assert [len(window) for window in suspicion.windows(page(*GOOD), 10, 0.0)] == [10, 10, 5]
    suspicion.taken(GOOD)
    assert suspicion.is_calm(0.0)


def test_losses_of_different_pages_are_none_either() -> None:
    suspicion = Suspicion("p/v1")
    suspicion.lost(GOOD[:10], 0.0)
    suspicion.lost(GOOD[10:20], 0.0)
    assert not suspicion.goes_alone(GOOD[10])


def test_after_a_while_it_is_tried_again_and_forgotten_if_taken() -> None:
    suspicion = Suspicion("p/v1")
    for _ in range(4):
        connection(suspicion, [BAD, *GOOD], {BAD})
    assert BAD not in connection(suspicion, [BAD, *GOOD], set(), now=10.0)
    assert BAD in connection(suspicion, [BAD, *GOOD], set(), now=1000.0)
    assert suspicion.is_calm(1000.0)


def test_a_kind_of_which_none_is_taken_is_set_aside_as_a_whole() -> None:
    suspicion = Suspicion("p/v1")
    steps = [f"p/v1/transitions/s/z/{number}" for number in range(20)]
    topics = [topic for both in zip(steps, GOOD, strict=False) for topic in both]
    losses = 0
    while connection(suspicion, topics, set(steps)) != GOOD[:20]:
        losses += 1
        assert losses < 10
    assert len(suspicion.aside(page(*topics), 0.0)) == len(steps)


def test_what_is_set_aside_and_never_published_again_is_forgotten() -> None:
    """As of a space that was removed. Without this, every page would cost a round trip more, for ever."""
    suspicion = Suspicion("p/v1")
    for _ in range(4):
        connection(suspicion, [BAD, *GOOD], {BAD})
    assert connection(suspicion, GOOD, set(), now=500.0) == GOOD
    assert not suspicion.is_calm(599.0)
    assert suspicion.is_calm(600.0)
    assert not suspicion.goes_alone(BAD)


def test_a_kind_that_was_taken_once_may_be_refused_as_a_whole_later() -> None:
    """After a change of the ACL, publications that were taken earlier may be refused."""
    suspicion = Suspicion("p/v1")
    steps = [f"p/v1/transitions/s/z/{number}" for number in range(20)]
    for _ in range(4):
        connection(suspicion, [BAD, *steps], {BAD})
    assert connection(suspicion, [BAD, *steps], set(), now=400.0) == [BAD, *steps]
    assert suspicion.is_calm(400.0)
    for _ in range(9):
        connection(suspicion, steps, set(steps), now=500.0)
    assert len(suspicion.aside(page(*steps), 500.0)) == len(steps)
