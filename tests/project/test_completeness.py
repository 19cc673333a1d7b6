"""The law of the suite: it names left-out tests with their reason, and CI accepts only those that it hid itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parking_gateway.cli.demo import brokers
from tests.plugins.broker import NO_MOSQUITTO

ROOT = Path(__file__).parents[2]
OK, FAILED, NOT_BEGUN = 0, 1, 4
SUITE = """
import pytest

@pytest.mark.parametrize("one", range(3))
def test_for_want_of(one: int, reason: str = {reason!r}) -> None:
    pytest.skip(reason)

@pytest.fixture
def broker() -> None:
    pass

def test_that_passes() -> None:
    pass

def test_with_a_broker(broker: None) -> None:
    pass
"""


def end_of(folder: Path, reason: str, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a suite that leaves three tests out. Returns its exit status and its output."""
    suite = folder / "test_suite.py"
    suite.write_text(SUITE.format(reason=reason))
    outside = {name: value for name, value in os.environ.items() if name not in ("CI", "WITHOUT_MOSQUITTO")}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "tests.plugins.completeness"),
            *("-o", f"cache_dir={folder / 'cache'}", *arguments, str(suite)),
        ],
        env=outside | variables,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def test_a_developer_sees_what_was_left_out_and_why(tmp_path: Path) -> None:
    status, output = end_of(tmp_path, "the moon is new")
    assert status == OK
    assert output.count("3 left out: the moon is new") == 1


def test_in_ci_it_is_a_failure(tmp_path: Path) -> None:
    status, output = end_of(tmp_path, "the moon is new", CI="true")
    assert (status, "this run has failed" in output) == (FAILED, True)


@pytest.mark.parametrize(("reason", "expected"), [(NO_MOSQUITTO, OK), ("the moon is new", FAILED)])
def test_a_run_without_mosquitto_may_leave_out_what_needs_it(tmp_path: Path, reason: str, expected: int) -> None:
    """And only that; the suite does not begin where Mosquitto is there after all."""
    status, output = end_of(tmp_path, reason, CI="true", WITHOUT_MOSQUITTO="true")
    found = brokers.program_path("mosquitto")
    assert (status, f"Mosquitto is there: {found}" in output) == (
        (expected, False) if found is None else (NOT_BEGUN, True)
    )


def test_the_run_after_it_has_what_has_not_passed(tmp_path: Path) -> None:
    status, output = end_of(tmp_path, NO_MOSQUITTO, "--again")
    assert status == NOT_BEGUN
    assert "--again needs a run without Mosquitto before it" in output
    if brokers.program_path("mosquitto") is None:
        _, output = end_of(tmp_path, NO_MOSQUITTO, WITHOUT_MOSQUITTO="true")
        assert "1 passed, 3 skipped, 1 deselected" in output
        end_of(tmp_path, NO_MOSQUITTO, "-k", "passes", WITHOUT_MOSQUITTO="true")
        _, output = end_of(tmp_path, NO_MOSQUITTO, "--again")
        assert "1 passed, 3 skipped, 1 deselected" in output
