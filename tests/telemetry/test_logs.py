"""The log blocks nothing and deceives nobody, whether it is read late, never or by a terminal, and whatever a field holds."""

import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.printable import printable, shortened

SECONDS = 30
ESCAPES = "\x1b[2J\x9b31m\n12:00:00.000 INFO    Stopped\u202e\x7f"
Process = subprocess.Popen[str]


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """The processes of a test, which are killed at its end."""
    started: list[Process] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def start(processes: list[Process], code: str, *, log_format: str = "json") -> Process:
    """A process that logs to a pipe. On standard error it reports to the test."""
    program = f"""
import sys
from loguru import logger
from parking_gateway.telemetry import logs, set_up_logging
set_up_logging("INFO", {log_format!r})
{textwrap.dedent(code)}
"""
    process = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    processes.append(process)
    return process


def ended(process: Process) -> tuple[list[dict[str, Any]], str]:
    """The lines of log and the standard error of a process that ended."""
    output, errors = process.communicate(timeout=SECONDS)
    return [json.loads(line) for line in output.splitlines()], errors


FLOOD = """
for number in range(50_000):
    logger.bind(number=number, filler="x" * 400).info("A line")
sys.stderr.write(f"{logs.lines_dropped()}\\n")
sys.stderr.flush()
sys.stdin.readline()
"""


def test_a_pipe_that_nobody_reads_stops_nobody(processes: list[Process]) -> None:
    """Lines that do not fit are dropped. Once the pipe is read again, a line has their number."""
    process = start(processes, FLOOD)
    assert process.stderr is not None
    dropped = int(process.stderr.readline())
    assert dropped > 10_000
    lines, _ = ended(process)
    assert process.returncode == 0
    reported = [line["lines"] for line in lines if line["message"].startswith("Lines of log were dropped")]
    assert sum(reported) == dropped
    assert len(lines) - len(reported) + dropped == 50_000


def test_a_pipe_that_nobody_reads_delays_the_end_by_a_second(processes: list[Process]) -> None:
    process = start(processes, FLOOD)
    assert process.stderr is not None
    assert process.stdin is not None
    assert int(process.stderr.readline())
    began = time.monotonic()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.wait(SECONDS) == 0
    assert time.monotonic() - began < 5


def test_a_closed_pipe_ends_nothing(processes: list[Process]) -> None:
    process = start(
        processes,
        """
        sys.stdin.readline()
        for number in range(3):
            logger.info("A line")
        logger.remove()
        sys.stderr.write(f"{logs.lines_dropped()} dropped")
        """,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate("\n", timeout=SECONDS)
    assert (process.returncode, errors) == (0, "3 dropped")


def test_without_standard_output_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    """The next open file gets its number, and may be a connection."""
    other = tmp_path / "other"
    program = f"""
from parking_gateway.telemetry import set_up_logging
from loguru import logger
other = open({str(other)!r}, "w")
assert other.fileno() == 1
set_up_logging("INFO", "json")
logger.info("A line")
"""
    command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", program]
    assert subprocess.run(command, check=False, timeout=SECONDS).returncode == 0
    assert other.read_text() == ""


def test_a_warning_that_repeats_itself_is_shown_once_a_second_with_a_count(processes: list[Process]) -> None:
    """Every line is counted, also the last ones. Other sentences and lines at INFO are not held back."""
    lines, _ = ended(
        start(
            processes,
            """
            for number in range(5_000):
                logger.bind(number=number).warning("It repeats itself")
            logger.warning("Another one")
            for number in range(20):
                logger.info("News")
            """,
        )
    )
    repeated = [line for line in lines if line["message"] == "It repeats itself"]
    assert len(repeated) < 10
    assert sum(1 + line.get("left_out", 0) for line in repeated) == 5_000
    assert (repeated[0]["number"], repeated[-1]["number"]) == (0, 4_999)
    assert sum(line["message"] == "News" for line in lines) == 20
    assert sum(line["message"] == "Another one" for line in lines) == 1


def test_what_is_withheld_is_shown_when_its_second_is_over(processes: list[Process]) -> None:
    """Also when nothing more is logged."""
    process = start(
        processes,
        """
        for number in range(3):
            logger.bind(number=number).warning("It repeats itself")
        sys.stdin.readline()
        """,
    )
    assert process.stdout is not None
    first, second = (json.loads(process.stdout.readline()) for _ in range(2))
    assert (first["number"], second["number"], second["left_out"]) == (0, 2, 1)


def test_a_field_of_any_length_makes_a_short_line(processes: list[Process]) -> None:
    (line,), _ = ended(
        start(processes, 'logger.bind(topic="a" * 60_000 + "/event/up", half="\\ud800").warning("Rejected a message")')
    )
    assert len(line["topic"]) < 600
    assert line["topic"].endswith("/event/up")
    assert "59509 characters" in line["topic"]
    assert line["half"] == "\\ud800"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_no_field_can_command_a_terminal_or_forge_a_line(processes: list[Process], log_format: str) -> None:
    code = f"""
        bad = {ESCAPES!r}
        logger.bind(detail=bad).warning("A " + bad)
        try:
            raise ValueError(bad)
        except ValueError:
            logger.exception("It failed")
        """
    output, _ = start(processes, code, log_format=log_format).communicate(timeout=SECONDS)
    assert all(char.isprintable() or char == "\n" for char in output)
    assert not [line for line in output.splitlines() if line.startswith("12:00:00.000 INFO")]
    if log_format == "json":
        assert json.loads(output.splitlines()[0])["detail"] == ESCAPES


def test_a_bug_that_ends_the_process_is_a_line(processes: list[Process]) -> None:
    """A reader of the log finds it, and a full pipe on standard error delays nothing."""
    lines, errors = ended(start(processes, 'raise ZeroDivisionError("a bug")'))
    assert errors == ""
    assert lines[-1]["level"] == "CRITICAL"
    assert "ZeroDivisionError: a bug" in lines[-1]["exception"]


def test_errors_that_nobody_catches_are_lines(processes: list[Process]) -> None:
    """Errors of a thread, of a finaliser, and warnings do not go to standard error."""
    code = """
        import threading, warnings

        class Odd:
            def __del__(self):
                raise ZeroDivisionError("in the end of an object")

        def fail():
            raise ZeroDivisionError("in a thread")

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        Odd()
        warnings.warn("beware")
        """
    lines, errors = ended(start(processes, code))
    assert errors == ""
    assert ["in a thread" in lines[0]["exception"], "in the end" in lines[1]["exception"]] == [True, True]
    assert "beware" in lines[2]["message"]


@given(st.text())
def test_printable_text_can_be_shown_and_means_the_same(text: str) -> None:
    shown = printable(text)
    assert not [char for char in shown if not char.isprintable() and not char.isspace()]
    assert "\n" not in shown
    shown.encode()
    if text.isprintable():
        assert shown == text


@given(st.text(), st.integers(4, 100))
def test_what_is_shortened_is_short(text: str, most: int) -> None:
    shown = shortened(text, most)
    assert shown == text if len(text) <= most else len(shown) < most + 40
