"""The process of a guest: one line in, one line out within a time limit. A process that is ended is replaced by a new one."""

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
"""The time limit of the start, imports included. A script takes about 30 ms, a codec in Python about 100."""
LONGEST_LINE: Final = 256 * 1024

_ENVIRONMENT: Final = ("LD_LIBRARY_PATH",)
"""The only variable that Python may need to start. Others can contain passwords."""


class GuestStopped(RuntimeError):  # noqa: N818 - the event
    """The guest did not reply: it took too long, or its process ended. The message contains the cause."""


class Process:
    """A running program of ours with a guest in it. It ends with the gateway, or when this object is no longer referenced."""

    def __init__(self, program: Path, setting: bytes, *, flags: Sequence[str]) -> None:
        """Start the program in our interpreter, with these flags. `setting` is the first line that it receives."""
        self._command = (sys.executable, *flags, str(program))
        self._setting = setting
        self._is_ready: bool
        self._one_at_a_time = threading.Lock()
        self._start()

    @property
    def pid(self) -> int:
        """The id of the present process. Another one after it was ended."""
        return self._popen.pid

    def ask(self, line: bytes, *, seconds: float) -> bytes:
        """Send a line and return the reply. Raises `GuestStopped` without a reply within `seconds`, a start not included."""
        with self._one_at_a_time:
            if self._popen.poll() is not None:  # it ended after its last reply
                self._finish()
                self._start()
            if not self._is_ready:
                self._reply(self._setting, seconds=START_SECONDS)
                self._is_ready = True
            return self._reply(line, seconds=seconds)

    def begin(self, setting: bytes) -> None:
        """Begin with another setting before the next line. A process that is started later begins with it too."""
        with self._one_at_a_time:
            self._setting = setting
            self._is_ready = False

    def end(self) -> None:
        """End the process now."""
        self._finish()

    def _start(self) -> None:
        self._popen = subprocess.Popen(  # noqa: S603 - our own program in our own interpreter
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C in a terminal must reach the gateway only, which still needs the guest
        )
        self._finish = weakref.finalize(self, _finish, self._popen)
        self._is_ready = False
        pipes = cast("IO[bytes]", self._popen.stdin), cast("IO[bytes]", self._popen.stdout)
        self._input, self._output = (pipe.fileno() for pipe in pipes)
        os.set_blocking(self._input, False)

    def _reply(self, line: bytes, *, seconds: float) -> bytes:
        until = time.monotonic() + seconds
        late = f"no reply within {seconds * 1000:.0f} ms"
        left = memoryview(line + b"\n")
        try:
            while left:
                self._wait(self._input, select.POLLOUT, until, late)
                left = left[os.write(self._input, left) :]
        except BrokenPipeError:
            raise self._stopped("its process ended") from None
        reply = b""
        while not reply.endswith(b"\n"):
            self._wait(self._output, select.POLLIN, until, late)
            part = os.read(self._output, LONGEST_LINE)
            reply += part
            if not part or len(reply) > LONGEST_LINE:
                raise self._stopped("its reply is too long" if part else "its process ended")
        return reply

    def _wait(self, file: int, event: int, until: float, late: str) -> None:
        ready = select.poll()
        ready.register(file, event)
        left = until - time.monotonic()
        if left <= 0 or not ready.poll(math.ceil(left * 1000)):
            raise self._stopped(late)

    def _stopped(self, why: str) -> GuestStopped:
        """End the process, and start the next one at once, so that the next frame need not wait for it."""
        self._finish()
        self._start()
        return GuestStopped(why)


def _finish(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes its pipes and waits for its end
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also ends the processes that it has started
