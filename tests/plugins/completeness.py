"""Counts the tests that were left out, with their reasons, and fails the run where `CI` is set.

Where CI has hidden Mosquitto, it sets `WITHOUT_MOSQUITTO`. Then only tests that need Mosquitto may be left out, and of those with
a broker, a sample runs, on the broker of the demo; and in CI, none that the coverage was measured with before. A run with `--again` after it has every test that has not passed by then, and those
for which another PostgreSQL makes a difference.
"""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from _pytest.terminal import TerminalReporter

from parking_gateway.cli.demo import brokers
from tests.plugins.broker import NO_MOSQUITTO

ROOT: Final = Path(__file__).parents[2]
_PASSED: Final = "parking_gateway/passed"
"""The tests that passed in CI until the run with `--again`, in pytest's cache."""
_SAMPLE: Final = ("tests/broker", "tests/cli/demo", "tests/acceptance/test_end_to_end.py", "tests/project")
"""Tests that also run on the broker of the demo, where they have one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--again`."""
    about = "after a run without Mosquitto: tests that have not passed in it, and tests of the store"
    parser.addoption("--again", action="store_true", help=about)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without Mosquitto, leave most tests with a broker to the run with `--again`; in both, leave out what has passed in CI."""
    passed = config.cache.get(_PASSED, None) if config.cache else None
    done = set(passed or ())
    if config.getoption("--again"):
        if passed is None:
            raise pytest.UsageError("--again needs a run without Mosquitto before it, as in .ci/run")
        wanted = {item for item in items if item.nodeid not in done or _is_in(item, ("tests/store",))}
    elif _is_without_mosquitto():
        wanted = {
            item
            for item in items
            if "broker" not in getattr(item, "fixturenames", ()) or _is_in(item, _SAMPLE)
            if item.nodeid not in done
        }
    else:
        return
    config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
    items[:] = [item for item in items if item in wanted]


def _remember(cache: pytest.Cache, reporter: TerminalReporter) -> None:
    """Add the tests that have passed. A part of the suite says nothing of the rest."""
    passed = {one.nodeid for one in reporter.stats.get("passed", ())}
    cache.set(_PASSED, sorted({*cache.get(_PASSED, ())} | passed))


def _is_in(item: pytest.Item, places: Iterable[str]) -> bool:
    return any(item.path.is_relative_to(ROOT / place) for place in places)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse to begin where Mosquitto should be hidden and is not, because such a run would prove nothing."""
    found = brokers.program_path("mosquitto")
    if _is_without_mosquitto() and found:
        raise pytest.UsageError(f"WITHOUT_MOSQUITTO is set, and Mosquitto is there: {found}. Hide it, as .ci/run does.")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in CI. Only the main process has a terminal reporter, and so decides."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not isinstance(reporter, TerminalReporter):
        return
    if session.config.cache and _is_counted():
        _remember(session.config.cache, reporter)
    if _is_failure(_left_out(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print how many tests were left out, with a line for each reason."""
    left_out = _left_out(terminalreporter)
    for reason, tests in left_out.most_common():
        terminalreporter.write_line(f"{tests} left out: {reason}", yellow=True)
    if _is_failure(left_out):
        terminalreporter.write_line("CI is set, and no test may be left out: this run has failed", red=True)


def _left_out(reporter: TerminalReporter) -> Counter[str]:
    """The number of left out tests by reason."""
    return Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reporter.stats.get("skipped", ()))


def _is_failure(left_out: Counter[str]) -> bool:
    excused = {NO_MOSQUITTO} if _is_without_mosquitto() else set()
    return bool(os.environ.get("CI") and left_out.keys() - excused)


def _is_counted() -> bool:
    """Whether the tests that pass in this run need not run again in CI."""
    return _is_without_mosquitto() or bool(os.environ.get("CI"))


def _is_without_mosquitto() -> bool:
    return bool(os.environ.get("WITHOUT_MOSQUITTO"))
