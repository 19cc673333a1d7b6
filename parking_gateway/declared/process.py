"""The process of `sandbox`: a line in, a line out in time, and a new process where the old one had to be ended."""

import math
import os
import select
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, cast

START_SECONDS: Final = 5
"""How long a process may take to start. It takes some 30 ms."""
LONGEST_LINE: Final = 256 * 1024

_PROGRAM: Final = Path(__file__).with_name("sandbox.py")
_ENVIRONMENT: Final = ("LD_LIBRARY_PATH",)
"""All that Python may need to start. The rest holds passwords."""


class Stopped(RuntimeError):  # noqa: N818 - what happened to it
    """There was no answer: it took too long, or the process ended. The message says which."""


class Process:
    """A running `sandbox`. It ends with the program that started it, or when nothing refers to this any more.

    For one thread at a time.
    """

    def __init__(self, setting: bytes) -> None:
        """Start it. `setting` is the first line that it is given."""
        self._setting = setting
        self._is_ready: bool
        self._start()

    def ask(self, line: bytes, *, seconds: float) -> bytes:
        """The answer to a line. Raises `Stopped` when there is none in this time, to which a start is not counted."""
        if self._popen.poll() is not None:  # it ended after its last answer
            self._finish()
            self._start()
        if not self._is_ready:
            self._read(seconds=START_SECONDS)
            self._is_ready = True
        try:
            self._write(line)
        except BrokenPipeError:
            raise self._stopped("its process ended") from None
        return self._read(seconds=seconds)

    def end(self) -> None:
        """End it before its time."""
        self._finish()

    def _start(self) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - our own program in our own interpreter
            [sys.executable, "-I", "-S", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C in a terminal is for the gateway, which has frames to finish
        )
        self._finish = weakref.finalize(self, _finish, self._popen)
        self._is_ready = False
        self._input, output = cast("IO[bytes]", self._popen.stdin), cast("IO[bytes]", self._popen.stdout)
        self._output = output.fileno()
        self._readable = select.poll()
        self._readable.register(self._output, select.POLLIN)
        with suppress(BrokenPipeError):  # whoever asks will see that it has ended
            self._write(self._setting)

    def _write(self, line: bytes) -> None:
        left = memoryview(line + b"\n")
        while left:
            left = left[self._input.write(left) :]

    def _read(self, *, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not self._readable.poll(math.ceil(left * 1000)):
                raise self._stopped(f"no answer within {seconds * 1000:.0f} ms")
            part = os.read(self._output, LONGEST_LINE)
            line += part
            if not part or len(line) > LONGEST_LINE:
                raise self._stopped("an answer without end" if part else "its process ended")
        return line

    def _stopped(self, why: str) -> Stopped:
        """End the process, and start the next at once so that it is there when it is needed."""
        self._finish()
        self._start()
        return Stopped(why)


def _finish(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its pipes and waits for its end
        process.kill()
