"""The demo as a person runs it: it shows, counts, judges, says what went wrong, and leaves nothing behind."""

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
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from parking_gateway.cli.demo import brokers
from parking_gateway.cli.demo.run import Wish, run

END_SECONDS = 60


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo makes its own folder. Short, because sockets lie in it, and open to PostgreSQL's user."""
    with TemporaryDirectory(prefix="parking-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


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


def processes_of(folder: Path) -> dict[int, str]:
    """The processes whose command line or environment names the folder."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if os.fsencode(folder) in command + environment:
            found[int(process.name)] = command.replace(b"\0", b" ").decode()
    return found


def assert_nothing_is_left(folder: Path) -> None:
    assert processes_of(folder) == {}
    # The lock is of the wheel that brings PostgreSQL: one for all servers of a machine, where there is no place for it.
    assert {path.name for path in folder.iterdir()} <= {".lockfile"}


def test_a_bounded_run_ends_with_one_line_of_counts_that_agree(folder: Path) -> None:
    with started(folder, "--spaces", "60", "--for", "3", "--json") as demo:
        said, shown = demo.communicate(timeout=END_SECONDS)
        assert demo.returncode == 0, shown
        counts = json.loads(said)
        assert list(counts) == ["uplinks", "recorded", "duplicates", "rejected", "transitions", "published", "lost"]
        assert counts["recorded"] == counts["uplinks"] > 60
        assert counts["lost"] == 0
        assert min(counts.values()) == 0 < min(counts[name] for name in counts if name != "lost")
        assert re.search(r"PostgreSQL 18\S* ready", shown)
    assert_nothing_is_left(folder)


def test_ctrl_c_ends_the_picture_and_everything_behind_it(folder: Path) -> None:
    """In a terminal, where the picture is drawn until then."""
    terminal, stderr = pty.openpty()
    with started(folder, "--spaces", "60", stderr=stderr) as demo:
        os.close(stderr)
        read_until(terminal, b"transitions (")
        demo.send_signal(signal.SIGINT)
        shown = read_until(terminal, None)
        said, _ = demo.communicate(timeout=END_SECONDS)
        assert demo.returncode == 0, shown
        assert re.fullmatch(r"uplinks=\d+ recorded=\d+ duplicates=\d+ .* lost=0\n", said)
    assert_nothing_is_left(folder)


def test_a_gateway_that_dies_is_noticed_and_quoted(folder: Path) -> None:
    with started(folder, "--spaces", "60") as demo:
        assert demo.stderr is not None
        wait_for_line(demo, "In another terminal:")
        (gateway,) = (pid for pid, command in processes_of(folder).items() if " run " in command)
        os.kill(gateway, signal.SIGKILL)
        said, shown = demo.communicate(timeout=END_SECONDS)
        assert demo.returncode == 1
        assert said == ""
        assert "The gateway ended with status -9. Its last words:" in shown
    assert_nothing_is_left(folder)


def test_a_run_that_is_stopped_at_its_start_is_no_success(folder: Path) -> None:
    with started(folder, "--for", "60") as demo:
        wait_for_line(demo, "PostgreSQL")
        demo.send_signal(signal.SIGTERM)
        said, shown = demo.communicate(timeout=END_SECONDS)
        assert (demo.returncode, said) == (1, "")
        assert "stopped before anything was checked" in shown
    assert_nothing_is_left(folder)


async def test_it_needs_no_mosquitto() -> None:
    report = await run(Wish(spaces=60, seconds=2, seed=2, kinds=(brokers.amqtt,)), Console(quiet=True))
    assert report is not None
    assert report.differences == ()
    assert report.recorded == report.uplinks > 60


def wait_for_line(demo: subprocess.Popen[str], beginning: str) -> None:
    assert demo.stderr is not None
    for line in demo.stderr:
        if line.startswith(beginning):
            return
    pytest.fail(f"It never said {beginning!r}.")


def read_until(terminal: int, words: bytes | None) -> bytes:
    """What the terminal shows until these words; `None`: until whoever writes to it has ended."""
    shown = b""
    while words is None or words not in shown:
        try:
            data = os.read(terminal, 65_536)
        except OSError:  # Linux says so when nobody has the other end any more
            data = b""
        if not data:
            break
        shown += data
    if words is not None and words not in shown:
        pytest.fail(f"The terminal never showed {words!r}, but {shown!r}")
    return shown
