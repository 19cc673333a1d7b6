"""TLS with the database is verified, and each failure is a sentence with its remedy."""

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from parking_gateway.process.config import DatabaseConfig
from parking_gateway.store.encryption import todo_of
from parking_gateway.store.pool import opened
from parking_gateway.store.verdicts import FAILURES, Verdict, diagnosis_of
from tests.plugins.encrypted_postgres import OTHER_ADDRESS, PASSWORD, EncryptedPostgres
from tests.plugins.tls import KEY_PASSWORD, Certificates, Unreadable


async def connects(url: str) -> None:
    """Connect as the gateway does."""
    async with opened(url, DatabaseConfig(url=url)) as pool, pool.connect():
        pass


async def refusal(url: str) -> str:
    """The sentence of the failure. Every one of them is waited for, because an administrator may correct it."""
    with pytest.raises(FAILURES) as raised:
        await connects(url)
    diagnosis = diagnosis_of(raised.value)
    assert diagnosis.verdict in (Verdict.AWAY, Verdict.NOT_OURS)
    return diagnosis.sentence


def verified(certificates: Certificates, **more: object) -> dict[str, Any]:
    return {"sslmode": "verify-full", "sslrootcert": certificates.ca, **more}


@pytest.fixture
def expired(encrypted_postgres: EncryptedPostgres, certificates: Certificates) -> Iterator[EncryptedPostgres]:
    """A server with an expired certificate."""
    encrypted_postgres.show(certificates.expired, certificates.expired_key)
    yield encrypted_postgres
    encrypted_postgres.show(certificates.server, certificates.server_key)


async def test_it_works_with_a_verified_server(
    encrypted_postgres: EncryptedPostgres, certificates: Certificates
) -> None:
    await connects(encrypted_postgres.url(**verified(certificates)))
    await connects(encrypted_postgres.url("guarded", password=PASSWORD, **verified(certificates)))


async def test_an_authority_that_is_not_trusted(
    encrypted_postgres: EncryptedPostgres, certificates: Certificates
) -> None:
    other = verified(certificates) | {"sslrootcert": certificates.other_ca}
    for parameters in (other, verified(certificates) | {"sslrootcert": "system"}):
        assert "name its authority by sslrootcert in database.url" in await refusal(
            encrypted_postgres.url(**parameters)
        )
    assert "Name the authority of the server's certificate by sslrootcert" in await refusal(
        encrypted_postgres.url(sslmode="verify-full")
    )


async def test_a_certificate_for_another_host(
    encrypted_postgres: EncryptedPostgres, certificates: Certificates
) -> None:
    url = encrypted_postgres.url(host=OTHER_ADDRESS, **verified(certificates))
    assert "Name the server in database.url as in its certificate" in await refusal(url)


async def test_an_expired_certificate(expired: EncryptedPostgres, certificates: Certificates) -> None:
    assert "or has expired" in await refusal(expired.url(**verified(certificates)))


async def test_a_server_that_demands_a_certificate(
    encrypted_postgres: EncryptedPostgres, certificates: Certificates
) -> None:
    """With one it works, and each other certificate is a sentence of its own."""
    full = verified(certificates)

    def url(**files: Any) -> str:
        return encrypted_postgres.url("certified", **full, **files)

    await connects(url(sslcert=certificates.client, sslkey=certificates.client_key))
    assert "The server demands a certificate: set sslcert and sslkey in database.url" in await refusal(url())
    expired = {"sslcert": certificates.expired_client, "sslkey": certificates.expired_client_key}
    assert "The certificate of the gateway has expired" in await refusal(url(**expired))
    foreign = {"sslcert": certificates.foreign_client, "sslkey": certificates.foreign_client_key}
    assert "does not trust the authority of the gateway's certificate" in await refusal(url(**foreign))
    mixed = {"sslcert": certificates.client, "sslkey": certificates.foreign_client_key}
    assert "Name the key of the certificate" in await refusal(url(**mixed))


async def test_an_encrypted_key(encrypted_postgres: EncryptedPostgres, certificates: Certificates) -> None:
    files: dict[str, Any] = {"sslcert": certificates.client, "sslkey": certificates.client_locked_key}

    def url(password: str) -> str:
        return encrypted_postgres.url("certified", **verified(certificates), **files, sslpassword=password)

    await connects(url(KEY_PASSWORD.replace(" ", "%20")))
    assert "Correct sslpassword in database.url" in await refusal(url("wrong"))


def test_a_wrong_password_whose_result_looks_decrypted() -> None:
    """It happens with one key in 256, so the words of libpq are given here."""
    assert "Correct sslpassword" in str(todo_of('could not load private key file "client.key": unsupported'))


def test_nobody_is_asked_for_the_password_of_a_key(
    encrypted_postgres: EncryptedPostgres, certificates: Certificates, tmp_path: Path
) -> None:
    """Not at a terminal either: neither of a key of the URL, which is a mistake, nor of libpq's own key in the home folder."""
    (home := tmp_path / ".postgresql").mkdir()
    for name, file in (("postgresql.crt", certificates.client), ("postgresql.key", certificates.client_locked_key)):
        (home / name).write_bytes(file.read_bytes())
        (home / name).chmod(0o600)
    named: dict[str, Any] = {"sslcert": home / "postgresql.crt", "sslkey": home / "postgresql.key"}
    for more, expected in ((named, "add sslpassword, or store the key"), ({}, "Correct sslpassword")):
        terminal, ours = pty.openpty()
        url = encrypted_postgres.url("certified", **verified(certificates), **more)
        process = subprocess.Popen(
            [sys.executable, "-m", "parking_gateway", "spaces", "list"],
            env={"PARKING_GATEWAY_DATABASE__URL": url, "HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            stdin=ours,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        output, errors = process.communicate(timeout=20)
        os.close(terminal)
        os.close(ours)
        assert process.returncode not in (0, None)
        assert expected in (output + errors).decode()
        assert b"Enter PEM" not in output + errors


async def test_a_server_without_tls_gets_no_password(postgres: str) -> None:
    """With sslmode=require or more, libpq sends nothing but its request for TLS."""
    received: list[bytes] = []

    conversations: list[asyncio.Task[Any] | None] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.append(asyncio.current_task())
        received.append(await reader.read(1000))
        writer.write(b"N")
        received.append(await reader.read(1000))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for mode in ("require", "verify-ca", "verify-full"):
        url = f"postgresql://parking:never-sent@127.0.0.1:{port}/parking?sslmode={mode}&sslrootcert=system"
        with pytest.raises(FAILURES):
            await connects(url if mode == "verify-full" else url.partition("&")[0])
    await asyncio.gather(*filter(None, conversations))
    server.close()
    await server.wait_closed()
    assert received != []
    assert set(received) <= {b"\0\0\0\x08\x04\xd2\x16\x2f", b""}


def test_a_file_that_this_user_may_not_read_is_a_mistake(
    certificates: Certificates, tmp_path: Path, unreadable: Unreadable
) -> None:
    (file := tmp_path / "ca.pem").write_bytes(certificates.ca.read_bytes())
    before = unreadable(file)
    for path, why in ((file, "Permission denied"), (tmp_path / "nothing", "No such file or directory")):
        url = f"postgresql://parking@database/parking?sslmode=verify-full&sslrootcert={path}"
        result = subprocess.run(
            [*before, sys.executable, "-m", "parking_gateway", "check-config"],
            env={"PARKING_GATEWAY_DATABASE__URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 78
        assert f"names a file with sslrootcert that cannot be read ({why}): correct it" in result.stderr


async def test_without_sslmode_an_unencrypted_connection_is_accepted(
    encrypted_postgres: EncryptedPostgres,
) -> None:
    """Libpq's default is `prefer`, which tries TLS and verifies nothing. `doctor` and the documentation name it."""
    async with await psycopg.AsyncConnection.connect(encrypted_postgres.url("plain", sslmode="disable")) as plain:
        assert not plain.pgconn.ssl_in_use
    async with await psycopg.AsyncConnection.connect(encrypted_postgres.url()) as preferred:
        assert preferred.pgconn.ssl_in_use
