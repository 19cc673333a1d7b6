"""No test is left out unnoticed: a developer is told how many were, and where CI is set, the run has failed."""

import os

import pytest
from _pytest.terminal import TerminalReporter


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in CI. Workers leave that to who started them."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, TerminalReporter) and _left_out(reporter) and os.environ.get("CI"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say it. The reasons stand in pytest's own summary."""
    if left_out := _left_out(terminalreporter):
        verdict = "so this run has failed" if os.environ.get("CI") else "where CI is set, that is a failure"
        terminalreporter.write_line(f"{left_out} left out: {verdict}", yellow=True)


def _left_out(reporter: TerminalReporter) -> int:
    return len(reporter.stats.get("skipped", ()))
