"""A PostgreSQL with TLS, of the system's package: the wheel of the other tests is made without OpenSSL."""

import getpass
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg import sql

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.plugins.tls import Certificates

OTHER_ADDRESS = "127.0.0.2"
"""Of this machine, and not in the certificate."""
PASSWORD = "kept-by-scram"
_HBA = f"""\
local all all trust
hostssl all secretive {LOCALHOST}/32 scram-sha-256 clientcert=verify-ca
hostssl all certified {LOCALHOST}/32 trust clientcert=verify-ca
hostssl all guarded {LOCALHOST}/32 scram-sha-256
hostssl all all samehost trust
hostnossl all plain {LOCALHOST}/32 trust
"""
_CONF = """
listen_addresses = '{localhost}, {other}'
unix_socket_directories = '{folder}'
ssl = on
ssl_ca_file = '{folder}/ca.pem'
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
fsync = off
"""


class EncryptedPostgres:
    """A running server. The users: `postgres`, `certified` with a certificate, `guarded` with a password, `secretive` with both, `plain` without TLS."""

    def __init__(self, folder: Path, programs: Path, certificates: Certificates) -> None:
        self.port = free_port()
        self._folder = folder
        self._data = folder / "data"
        self._programs = programs
        self._certificates = certificates

    def url(self, user: str = "postgres", *, host: str = LOCALHOST, **parameters: object) -> str:
        """Its URL with these parameters."""
        text = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://{user}@{host}:{self.port}/parking?{text}"

    def set_password(self, user: str, password: str) -> None:
        """Give a user this password."""
        with psycopg.connect(host=str(self._folder), port=self.port, user="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("alter user {} password {}").format(sql.Identifier(user), password))

    def show(self, certificate: Path, key: Path) -> None:
        """Show this certificate from now on."""
        for file, name in ((certificate, "server.pem"), (key, "server.key")):
            target = self._folder / name
            shutil.copy(file, target)
            target.chmod(0o600)
            shutil.chown(target, _user(), _user())
        if (self._data / "postmaster.pid").exists():
            self.call("pg_ctl", "-w", "-s", "-m", "fast", "-D", str(self._data), "stop")
        self.call("pg_ctl", "-w", "-s", "-D", str(self._data), "-l", str(self._folder / "log"), "start")

    def start(self) -> None:
        """Set it up, and start it."""
        self.call("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", str(self._data))
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(
                _CONF.format(localhost=LOCALHOST, other=OTHER_ADDRESS, folder=self._folder) + f"port = {self.port}\n"
            )
        (self._data / "pg_hba.conf").write_text(_HBA)
        shutil.copy(self._certificates.ca, self._folder / "ca.pem")
        (self._folder / "ca.pem").chmod(0o644)
        self.show(self._certificates.server, self._certificates.server_key)
        with psycopg.connect(host=str(self._folder), port=self.port, user="postgres", autocommit=True) as connection:
            connection.execute("create database parking")
            for user in ("certified", "plain"):
                connection.execute(f"create user {user} superuser".encode())
            connection.execute(f"create user guarded superuser password '{PASSWORD}'".encode())
            connection.execute(b"create user secretive superuser")

    def stop(self) -> None:
        """End it."""
        self.call("pg_ctl", "-w", "-s", "-m", "immediate", "-D", str(self._data), "stop")

    def call(self, program: str, *arguments: str) -> None:
        """Run one of its programs as its user."""
        user = _user() if os.geteuid() == 0 else None
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            cwd="/",
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _user() -> str:
    return "postgres" if os.geteuid() == 0 else getpass.getuser()


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


@contextmanager
def _running(certificates: Certificates) -> Iterator[EncryptedPostgres]:
    programs = _programs()
    if programs is None:
        pytest.skip("The system's PostgreSQL is not installed")
    with TemporaryDirectory(prefix="parking-gateway-tls-") as name:
        shutil.chown(name, _user(), _user())
        server = EncryptedPostgres(Path(name), programs, certificates)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def encrypted_postgres(certificates: Certificates) -> Iterator[EncryptedPostgres]:
    """A server with TLS. It shows a good certificate."""
    with _running(certificates) as server:
        yield server
