"""A signal at any moment ends any command with the right status, without a traceback, and with all that it has started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.plugins.processes import processes_of

PATIENCE = 60
Moment = Callable[[int, Path], bool]


def has_loaded(library: str) -> Moment:
    """The process has imported this library."""
    return lambda pid, _: library in Path(f"/proc/{pid}/maps").read_text()


def has_started(program: str) -> Moment:
    """The process has started this program."""
    return lambda _, folder: any(program in command for command in processes_of(folder).values())


FIRST_LINES = has_loaded("_json")
IMPORTS = has_loaded("pydantic_core")
DRIVER = has_loaded("psycopg_binary")
INITDB = has_started("/initdb")
POSTGRES = has_started("/postgres ")


@pytest.fixture(autouse=True)
def not_ignored() -> Iterator[None]:
    """A shell ignores Ctrl-C for a command in the background, such as a run of these tests, and all processes inherit it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process group of its own, as a terminal starts it, with the embedded database in the folder."""
    ours = {
        "TMPDIR": str(folder),
        "PARKING_GATEWAY_GATEWAY__STATE_DIRECTORY": str(folder / "state"),
        "PARKING_GATEWAY_DATABASE__URL": "embedded",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "parking_gateway", *arguments],
        env={
            **os.environ,
            **ours,
            "PARKING_GATEWAY_MQTT__URL": "mqtt://127.0.0.1:1",
            "PARKING_GATEWAY_TELEMETRY__LISTEN": "",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(moment: Moment, process: subprocess.Popen[str], folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not moment(process.pid, folder):
        assert process.poll() is None, "It ended before that moment."
        assert time.monotonic() < until
        time.sleep(0.001)


CTRL_C, TERMINATE = signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize(
    ("command", "moment", "number"),
    # One way leads from both signals to the end, and only the status differs. So each moment has one of them, and each way to
    # do work both.
    [
        ("check-config", FIRST_LINES, CTRL_C),
        ("check-config", FIRST_LINES, TERMINATE),
        ("check-config", IMPORTS, CTRL_C),
        ("run", IMPORTS, TERMINATE),
        ("run --migrate", INITDB, CTRL_C),
        ("run --migrate", POSTGRES, TERMINATE),
        ("migrate", DRIVER, TERMINATE),
        ("migrate", INITDB, CTRL_C),
        ("migrate", POSTGRES, CTRL_C),
        ("migrate", POSTGRES, TERMINATE),
        ("spaces import spaces.csv", INITDB, TERMINATE),
        ("doctor", DRIVER, CTRL_C),
        ("doctor", INITDB, TERMINATE),
        ("demo", IMPORTS, CTRL_C),
        ("demo", INITDB, TERMINATE),
        ("demo", POSTGRES, CTRL_C),
        ("demo", has_started(" run "), TERMINATE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_signal_ends_it_without_a_traceback_and_with_all_that_it_started(
    folder: Path, command: str, moment: Moment, number: signal.Signals
) -> None:
    (folder / "spaces.csv").write_text("site,zone,space\ncentral,level-1,A-001\n")
    arguments = [str(folder / word) if word.endswith(".csv") else word for word in command.split()]
    with started(folder, *arguments) as process:
        wait_for(moment, process, folder)
        os.killpg(process.pid, number)  # as a terminal does, also to the processes that it has started
        stdout, stderr = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in stdout + stderr
    if number == signal.SIGINT and process.returncode:
        assert stderr.splitlines()[-1] == "Interrupted."
    # Ended by the signal, or with the status that a shell gives it; the gateway and the demo may end with 0.
    assert process.returncode in (
        -number,
        128 + number,
        *([0] if command.split(maxsplit=1)[0] in ("run", "demo") else []),
    )
    assert processes_of(folder) == {}
