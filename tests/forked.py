"""Processes of `parking-gateway` that need 0.1 s of CPU to start instead of a second, forked from one that has imported it.

Each has its own arguments, environment, files and signals, and runs `main` from its first line. Only the imports are not new, so
tests about the start, its signals and its memory start Python itself.
"""

import atexit
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryFile
from threading import Lock
from typing import Final, Protocol

_FORKING: Final = get_context("forkserver")
_FORKING.set_forkserver_preload(
    [
        "__main__",  # of the tests, which multiprocessing imports in each process otherwise
        "parking_gateway.__main__",
        "parking_gateway.cli",
        "parking_gateway.cli.doctor.examination",
        "parking_gateway.gateway.run",
    ]
)
_starting_or_ended: Final = Lock()
"""multiprocessing looks at the ends of all its processes while it starts one, and only one thread may read an end."""


class _Given(Protocol):
    """A file descriptor for another process."""

    def detach(self) -> int:
        """Take it there."""


class Forked:
    """A started process, with the words of `subprocess.Popen`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    def poll(self) -> int | None:
        """Its status, negative for a signal. None: it has not ended."""
        with _starting_or_ended:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its status, once it has ended. Raises TimeoutExpired."""
        wait([self._process.sentinel], timeout)
        if (status := self.poll()) is None:
            raise TimeoutExpired(["parking-gateway"], timeout or 0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)


def start(*arguments: str, env: Mapping[str, str], stdout: int, stderr: int, stdin: int | None = None) -> Forked:
    """Start `parking-gateway` with these arguments and file descriptors. Without stdin it reads nothing."""
    with _starting_or_ended, open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device
        files = [DupFd(file) for file in (nothing.fileno() if stdin is None else stdin, stdout, stderr)]
        process = _FORKING.Process(target=_become, args=(arguments, {**env}, Path.cwd(), files))
        process.start()
    return Forked(process)


def run(
    *arguments: str, env: Mapping[str, str], stdin: int | None = None, timeout: float | None = None
) -> CompletedProcess[str]:
    """Run `parking-gateway` with these arguments until its end, with its outputs. Raises TimeoutExpired."""
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        process = start(*arguments, env=env, stdin=stdin, stdout=stdout.fileno(), stderr=stderr.fileno())
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
        written = [_text_of(file.fileno()) for file in (stdout, stderr)]
    return CompletedProcess(arguments, status, *written)


def _text_of(file: int) -> str:
    return os.pread(file, os.fstat(file).st_size, 0).decode()


def _become(arguments: Sequence[str], environment: dict[str, str], folder: Path, files: list[_Given]) -> None:
    """Take over arguments, environment, folder and files, as a new process finds them, and run `main`."""
    for number, file in enumerate(files):
        os.dup2(given := file.detach(), number)
        os.close(given)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, closefd=False)  # noqa: SIM115 - a descriptor has no path
        for number, mode in enumerate(("r", "w", "w"))
    )
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    sys.argv = ["parking-gateway", *arguments]
    from loguru import logger  # noqa: PLC0415 - in that process

    from parking_gateway.__main__ import main  # noqa: PLC0415 - in that process

    try:
        main()
    finally:
        logger.remove()  # as loguru does at the end; multiprocessing of Python 3.13 forgets what was registered before the fork
        atexit._run_exitfuncs()  # noqa: SLF001 - multiprocessing leaves them out
