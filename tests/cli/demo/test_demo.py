"""The demo as a person runs it: it shows, counts, audits, describes what went wrong, and leaves nothing behind."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.gateway_process import board_port
from parking_gateway.cli.demo.run import DemoOptions, run
from tests.plugins.processes import processes_of

END_SECONDS = 60


@contextmanager
def started(folder: Path, *arguments: str, stderr: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "parking_gateway", "demo", *arguments],
        env={**os.environ, "TMPDIR": str(folder), "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as demo:
        try:
            yield demo
        finally:
            if demo.poll() is None:
                demo.terminate()


def assert_nothing_is_left(folder: Path) -> None:
    assert processes_of(folder) == {}
    # The lock is of the wheel that brings PostgreSQL: one for all servers of a machine, where there is no place for it.
    assert {path.name for path in folder.iterdir()} <= {".lockfile"}


def test_a_bounded_run_ends_with_one_line_of_counts_that_agree(folder: Path) -> None:
    with started(folder, "--spaces", "60", "--for", "3", "--json") as demo:
        stdout, stderr = demo.communicate(timeout=END_SECONDS)
        assert demo.returncode == 0, stderr
        counts = json.loads(stdout)
        assert list(counts) == ["uplinks", "recorded", "duplicates", "rejected", "transitions", "published", "lost"]
        assert counts["recorded"] == counts["uplinks"] > 60
        assert counts["lost"] == 0
        assert min(counts.values()) == 0 < min(counts[name] for name in counts if name != "lost")
        assert re.search(r"PostgreSQL 18\S* ready", stderr)
    assert_nothing_is_left(folder)


def test_ctrl_c_ends_the_picture_and_everything_behind_it(folder: Path) -> None:
    """In a terminal, where the picture is drawn until then."""
    terminal, terminal_input = pty.openpty()
    with started(folder, "--spaces", "60", stderr=terminal_input) as demo:
        os.close(terminal_input)
        read_until(terminal, b"transitions (")
        demo.send_signal(signal.SIGINT)
        shown = read_until(terminal, None)
        stdout, _ = demo.communicate(timeout=END_SECONDS)
        assert demo.returncode == 0, shown
        assert re.fullmatch(r"uplinks=\d+ recorded=\d+ duplicates=\d+ .* lost=0\n", stdout)
    assert_nothing_is_left(folder)


def test_a_gateway_that_dies_is_noticed_and_quoted(folder: Path) -> None:
    with started(folder, "--spaces", "60") as demo:
        assert demo.stderr is not None
        wait_for_line(demo, "In another terminal:")
        (gateway,) = (pid for pid, command in processes_of(folder).items() if " run " in command)
        os.kill(gateway, signal.SIGKILL)
        stdout, stderr = demo.communicate(timeout=END_SECONDS)
        assert demo.returncode == 1
        assert stdout == ""
        assert "The gateway ended with status -9. The end of its log:" in stderr
    assert_nothing_is_left(folder)


def test_a_run_that_is_stopped_at_its_start_is_no_success(folder: Path) -> None:
    with started(folder, "--for", "60") as demo:
        wait_for_line(demo, "PostgreSQL")
        demo.send_signal(signal.SIGTERM)
        stdout, stderr = demo.communicate(timeout=END_SECONDS)
        assert (demo.returncode, stdout) == (1, "")
        assert "stopped before the audit" in stderr
    assert_nothing_is_left(folder)


async def test_it_needs_no_mosquitto() -> None:
    report = await run(DemoOptions(spaces=60, seconds=2, seed=2, candidates=(brokers.amqtt,)), Console(quiet=True))
    assert report is not None
    assert report.differences == ()
    assert report.recorded == report.uplinks > 60


def test_two_demos_of_one_machine_have_a_board_each() -> None:
    """Also before the first one has bound its port."""
    with board_port() as first, board_port() as second:
        assert first != second


def wait_for_line(demo: subprocess.Popen[str], beginning: str) -> None:
    assert demo.stderr is not None
    for line in demo.stderr:
        if line.startswith(beginning):
            return
    pytest.fail(f"The line {beginning!r} never came.")


def read_until(terminal: int, text: bytes | None) -> bytes:
    """The output of the terminal until this text. None: until its last writer has ended."""
    shown = b""
    while text is None or text not in shown:
        try:
            data = os.read(terminal, 65_536)
        except OSError:  # Linux's end of file where no process has the other end open
            data = b""
        if not data:
            break
        shown += data
    if text is not None and text not in shown:
        pytest.fail(f"The terminal never showed {text!r}, but {shown!r}")
    return shown
