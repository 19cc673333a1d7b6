"""The verdicts of the guard and of the goals."""

import msgspec
import pytest

from benchmarks import goals, guard
from benchmarks.contestants import Contestant
from benchmarks.goals import Figure
from benchmarks.guard import Runs
from benchmarks.life import Republished
from tests.benchmarks.drains import drained

GOOD = Runs(bare=[drained(1, by=Contestant.BARE)], gateway=[drained(2)], large=[drained(3)])


def broken(runs: Runs) -> list[str]:
    return [one.what for one in guard.verdicts(runs) if not one.is_kept]


def test_the_guard_lets_a_usual_gateway_pass() -> None:
    assert broken(GOOD) == []


@pytest.mark.parametrize(
    ("runs", "what"),
    [
        (msgspec.structs.replace(GOOD, gateway=[drained(10)], large=[drained(10)]), "uplinks/s of the gateway, of the"),
        (msgspec.structs.replace(GOOD, gateway=[drained(2, loop=11)]), "CPU of the gateway"),
        (msgspec.structs.replace(GOOD, gateway=[drained(2, database=21)]), "CPU of PostgreSQL"),
        (msgspec.structs.replace(GOOD, large=[drained(6)]), "uplinks/s of the gateway with 100,000 spaces"),
    ],
)
def test_the_guard_names_the_one_ratio_that_is_beyond_its_limit(runs: Runs, what: str) -> None:
    (named,) = broken(runs)
    assert named.startswith(what)


def figures(found: list[Figure]) -> dict[str, bool | None]:
    return {one.what.partition(": ")[2]: one.is_met for one in found}


def test_a_backlog_has_its_share_of_the_goals_minute() -> None:
    # 1000 of the goal's million uplinks, and so 60 ms.
    assert figures(list(goals.of_backlog(drained(0.06))))["committed and acknowledged"] is True
    assert figures(list(goals.of_backlog(drained(0.07))))["committed and acknowledged"] is False


def test_memory_growth_between_a_tenth_and_the_end_is_reported() -> None:
    steady = drained(20, resident=40)
    growing = msgspec.structs.replace(steady, resident_bytes=[second * 1_000_000 for second in range(21)])
    assert figures(list(goals.of_backlog(steady)))["growth in between"] is True
    (growth,) = [one for one in goals.of_backlog(growing) if one.what.endswith("growth in between")]
    assert (growth.measured, growth.is_met) == (18, False)


def test_a_figure_without_a_goal_has_no_verdict() -> None:
    assert figures(list(goals.of_backlog(drained(1))))["everything published"] is None


@pytest.mark.parametrize(("seconds", "is_met"), [(0.29, True), (0.31, False)])
def test_spaces_due_at_once_have_their_share_of_the_goals_seconds(seconds: float, *, is_met: bool) -> None:
    (figure,) = goals.of_republished(Republished(confirmed=5000, seconds=seconds))
    assert figure.is_met is is_met
