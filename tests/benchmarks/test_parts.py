"""The small parts of every benchmark: processes, turns, time, latencies and tables."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from benchmarks import drain, history
from benchmarks.events import Form
from benchmarks.fleet import Fleet
from benchmarks.latency import State, Watch
from benchmarks.meter import Processor
from benchmarks.pages import table

SPIN = "import time\nwhile time.process_time() < 0.2: pass"


def test_a_child_that_ends_while_we_look_is_counted_with_all_that_it_used(monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.getpid()

    def used() -> Processor:
        return Processor.now(loops=[], broker=me, database=me, watcher=0)

    before = used()
    with subprocess.Popen([sys.executable, "-c", SPIN]) as child:
        children = psutil.Process.children

        def children_after_its_end(parent: psutil.Process) -> list[psutil.Process]:
            child.wait()
            return list(children(parent))

        monkeypatch.setattr(psutil.Process, "children", children_after_its_end)
        found = used().since(before)
    assert found.database - found.broker > 0.1


def test_usage_between_two_looks_is_the_difference() -> None:
    earlier, later = (Processor(loop=n, broker=2 * n, database=3 * n) for n in (1.0, 2.0))
    assert later.since(earlier) == earlier


def test_every_contestant_is_first_in_turn() -> None:
    assert [list(drain.turned("abc", number)) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_the_days_of_a_history_follow_each_other_without_a_gap() -> None:
    first = datetime(2026, 11, 1, tzinfo=UTC)
    after = first + timedelta(days=2, hours=5)
    found = list(history.chunks(first, after))
    assert [found[0][0], *(end for _, end in found)] == [first, *(start for start, _ in found[1:]), after]
    assert len(found) == 3


def test_a_state_after_two_changes_is_the_latency_of_both() -> None:
    form: Form = "json"
    one, other = Fleet(1, changes=1, form=form).backlog(2)
    watch = Watch()
    watch.expect(one, at=1, counts=True)
    watch.expect(other, at=2, counts=True)
    watch.receive(State(space="space-1", cause="an unknown cause"), at=3)
    assert watch.pending == 2
    watch.receive(State(space="space-1", cause=other.deduplication_id), at=5)
    assert (watch.seconds, watch.pending) == ([4, 3], 0)


def test_a_table_has_words_on_the_left_and_figures_on_the_right() -> None:
    assert table(("", "n"), [("a", "1")]) == "|  | n |\n| --- | ---: |\n| a | 1 |"
