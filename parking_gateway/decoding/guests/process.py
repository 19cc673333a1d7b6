"""A process of a guest: a line in, a line out in time, and a new process where the old one had to be ended."""

import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, cast

START_SECONDS: Final = 3
"""How long a process may take to start, with what it imports. A script's takes some 30 ms, one for Python some 100."""
LONGEST_LINE: Final = 256 * 1024

_ENVIRONMENT: Final = ("LD_LIBRARY_PATH",)
"""All that Python may need to start. The rest holds passwords."""


class Stopped(RuntimeError):  # noqa: N818 - what happened to it
    """There was no answer: it took too long, or the process ended. The message says which."""


class Process:
    """A running program of ours, in which a guest works. It ends with the gateway, or when nothing refers to this any more."""

    def __init__(self, program: Path, setting: bytes, *, flags: Sequence[str]) -> None:
        """Start it in our interpreter, with these flags. `setting` is the first line that it is given."""
        self._command = (sys.executable, *flags, str(program))
        self._setting = setting
        self._is_ready: bool
        self._one_at_a_time = threading.Lock()
        self._start()

    def ask(self, line: bytes, *, seconds: float) -> bytes:
        """The answer to a line. Raises `Stopped` when there is none in this time, to which a start is not counted."""
        with self._one_at_a_time:
            if self._popen.poll() is not None:  # it ended after its last answer
                self._finish()
                self._start()
            if not self._is_ready:
                self._answer(self._setting, seconds=START_SECONDS)
                self._is_ready = True
            return self._answer(line, seconds=seconds)

    def end(self) -> None:
        """End it before its time."""
        self._finish()

    def _start(self) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - our own program in our own interpreter
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C in a terminal is for the gateway, which has frames to finish
        )
        self._finish = weakref.finalize(self, _finish, self._popen)
        self._is_ready = False
        pipes = cast("IO[bytes]", self._popen.stdin), cast("IO[bytes]", self._popen.stdout)
        self._input, self._output = (pipe.fileno() for pipe in pipes)
        os.set_blocking(self._input, False)

    def _answer(self, line: bytes, *, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        late = f"no answer within {seconds * 1000:.0f} ms"
        left = memoryview(line + b"\n")
        try:
            while left:
                self._wait(self._input, select.POLLOUT, until, late)
                left = left[os.write(self._input, left) :]
        except BrokenPipeError:
            raise self._stopped("its process ended") from None
        answer = b""
        while not answer.endswith(b"\n"):
            self._wait(self._output, select.POLLIN, until, late)
            part = os.read(self._output, LONGEST_LINE)
            answer += part
            if not part or len(answer) > LONGEST_LINE:
                raise self._stopped("an answer without end" if part else "its process ended")
        return answer

    def _wait(self, file: int, event: int, until: float, late: str) -> None:
        ready = select.poll()
        ready.register(file, event)
        left = until - time.monotonic()
        if left <= 0 or not ready.poll(math.ceil(left * 1000)):
            raise self._stopped(late)

    def _stopped(self, why: str) -> Stopped:
        """End the process, and start the next at once so that it is there when it is needed."""
        self._finish()
        self._start()
        return Stopped(why)


def _finish(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its pipes and waits for its end
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
