"""Certificates of a server, of a client, and of an authority that signed neither; also expired ones and encrypted keys."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

KEY_PASSWORD = "of the key"
Unreadable = Callable[[Path], "tuple[str, ...]"]


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Files in PEM."""

    ca: Path
    other_ca: Path
    server: Path
    server_key: Path
    expired: Path
    expired_key: Path
    client: Path
    client_key: Path
    client_locked_key: Path
    """The same, encrypted with `KEY_PASSWORD`."""
    expired_client: Path
    expired_client_key: Path
    foreign_client: Path
    """Of the other authority."""
    foreign_client_key: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The server's are for 127.0.0.1 and localhost."""
    folder = tmp_path_factory.mktemp("tls")
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "other-ca.pem")
    past: dict[str, Any] = {
        "not_before": datetime.now(UTC) - timedelta(days=2),
        "not_after": datetime.now(UTC) - timedelta(days=1),
    }
    leaves = {
        "server": authority.issue_cert("127.0.0.1", "localhost"),
        "expired": authority.issue_cert("127.0.0.1", "localhost", **past),
        "client": authority.issue_cert("gateway@example.org"),
        "expired_client": authority.issue_cert("gateway@example.org", **past),
        "foreign_client": other.issue_cert("gateway@example.org"),
    }
    files = {"ca": folder / "ca.pem", "other_ca": folder / "other-ca.pem"}
    for name, leaf in leaves.items():
        files |= {name: folder / f"{name}.pem", f"{name}_key": folder / f"{name}.key"}
        (chain,) = leaf.cert_chain_pems
        chain.write_to_path(files[name])
        leaf.private_key_pem.write_to_path(files[f"{name}_key"])
        files[f"{name}_key"].chmod(0o600)
    key = load_pem_private_key(files["client_key"].read_bytes(), None)
    encryption = BestAvailableEncryption(KEY_PASSWORD.encode())
    locked = folder / "client_locked.key"
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption))
    locked.chmod(0o600)
    return Certificates(client_locked_key=locked, **files)


@pytest.fixture
def unreadable() -> Unreadable:
    """Makes a file unreadable for a command, and returns what has to stand before the command.

    Root may read every file. So for root the file is given to another user, and the command loses that right.
    """

    def make(file: Path) -> tuple[str, ...]:
        if os.geteuid() != 0:
            file.chmod(0)
            return ()
        file.chmod(0o600)
        os.chown(file, 1, 1)
        before = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
        assert subprocess.run([*before, "cat", file], capture_output=True, check=False).returncode
        return before

    return make
