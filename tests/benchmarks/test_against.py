"""The comparison with an earlier revision."""

from benchmarks.against import Pairs, rows
from benchmarks.drain import Drain
from benchmarks.latency import Latency, Load
from benchmarks.machine import Commits
from benchmarks.report import Report, Scenario
from tests.benchmarks.drains import MACHINE, NOON, drained


def report(drain: Drain, *, p99: float) -> Report:
    load = Load(rate=200, changes=1.0)
    return Report(
        at=NOON,
        machine=MACHINE,
        commits=Commits(p50=1, p99=2, worst=3),
        scenarios=[Scenario(form="json", changes=0.1, uplinks=1000, spaces=10, mean_bytes=1000, drains=[drain])],
        latencies=[Latency(load=load, samples=9, p50=2, p99=p99, p999=9, worst=9, publisher_late=0)],
    )


def test_ratios_are_taken_within_a_pair() -> None:
    """A machine that was half as fast during one pair changes no ratio."""
    pairs = Pairs(
        earlier=[report(drained(1), p99=4), report(drained(2), p99=8)],
        now=[report(drained(1), p99=5), report(drained(2), p99=10)],
    )
    found = {what: (ratio, spread) for what, _, _, ratio, spread in rows(pairs)}
    assert found["uplinks/s"] == ("100.0%", "100.0% to 100.0%")
    assert found["at 200 uplinks/s, 100% changes: p99, ms"] == ("125.0%", "125.0% to 125.0%")
