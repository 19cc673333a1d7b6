"""Figures of several runs, and their tables."""

from benchmarks import figures, gateways, report, scale
from benchmarks.contestants import Contestant
from benchmarks.figures import cost, middle, rate, ratio
from benchmarks.gateways import Team, Teams
from benchmarks.machine import Commits
from benchmarks.report import Report, Scenario
from benchmarks.scale import Scale, Scales
from tests.benchmarks.drains import MACHINE, NOON, drained

BARE = Contestant.BARE


def rows(markdown: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in markdown.splitlines() if line.startswith("|")]


def test_the_median_is_not_moved_by_one_bad_run() -> None:
    assert middle(rate, [drained(1), drained(2), drained(100)]) == 500


def test_a_cost_is_microseconds_of_a_core_per_uplink() -> None:
    drain = drained(1, loop=0.02, database=0.03)
    assert (cost("loop")(drain), cost("broker")(drain), cost("database")(drain)) == (20, 500, 30)


def test_a_ratio_is_made_within_a_run_so_that_a_slow_run_moves_none() -> None:
    # The whole machine was ten times slower in the second run.
    assert ratio(rate, [drained(2), drained(20), drained(2)], [drained(1), drained(10), drained(1)]) == 0.5


def test_a_figure_that_was_not_measured_is_a_dash() -> None:
    assert figures.compared(rate, [drained(1)], None) == "-"
    assert figures.published([drained(1, by=BARE)]) == "-"


def test_one_run_is_not_called_a_median() -> None:
    assert (figures.summary(1), figures.summary(3)) == ("one run", "medians of 3 runs")


def test_a_report_compares_every_contestant_with_the_bare_loop() -> None:
    drains = [drained(1, by=BARE, loop=0.01), drained(4, loop=0.03)]
    scenario = Scenario(form="json", changes=0.1, uplinks=1000, spaces=7, mean_bytes=1100.4, drains=drains)
    commits = Commits(p50=1, p99=2, worst=3)
    markdown = report.as_markdown(Report(at=NOON, machine=MACHINE, commits=commits, scenarios=[scenario], latencies=[]))
    _, _, bare, gateway = rows(markdown)
    assert bare == [BARE.words, "1,000", "1,000 to 1,000", "100%", "10", "100%", "500", "2000", "50", "-"]
    assert gateway[1:] == ["250", "250 to 250", "25%", "30", "300%", "500", "2000", "50", "5.0 s"]


def test_a_scale_compares_every_contestant_with_itself_at_the_first_size() -> None:
    few = Scale(words="few", spaces=1, stored=0, drains=[drained(1), drained(2, by=BARE)])
    many = Scale(words="many", spaces=9, stored=0, drains=[drained(2), drained(2, by=BARE)])
    done = Scales(at=NOON, machine=MACHINE, uplinks=1000, by_spaces=[few, many], by_history=[])
    compared = {row[0]: row[3] for row in rows(scale.as_markdown(done))[2:]}
    assert compared == {
        f"{BARE.words}, few": "100%",
        f"{BARE.words}, many": "100%",
        f"{Contestant.DAEMON.words}, few": "100%",
        f"{Contestant.DAEMON.words}, many": "50%",
    }


def test_gateways_that_share_are_compared_with_one() -> None:
    one = Team(gateways=1, drains=[drained(2)], recorded=[[1000]], steps=[100], changes=[100])
    two = Team(gateways=2, drains=[drained(1)], recorded=[[400, 600]], steps=[90], changes=[100])
    done = Teams(at=NOON, machine=MACHINE, uplinks=1000, spaces=7, teams=[one, two])
    _, _, first, second = rows(gateways.as_markdown(done))
    assert (first[0], first[3], first[9:11]) == ("1", "100%", ["100.0%", "100.0%"])
    assert (second[0], second[3], second[9:11]) == ("2", "200%", ["40.0%", "90.0%"])
