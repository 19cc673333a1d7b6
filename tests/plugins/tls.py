"""Certificates of a server, of a client, and of an authority that signed neither."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Files in PEM."""

    ca: Path
    other_ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """The server's are for 127.0.0.1 and localhost."""
    folder = tmp_path_factory.mktemp("tls")
    files = Certificates(
        ca=folder / "ca.pem",
        other_ca=folder / "other-ca.pem",
        server=folder / "server.pem",
        server_key=folder / "server.key",
        client=folder / "client.pem",
        client_key=folder / "client.key",
    )
    authority, other = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(files.ca)
    other.cert_pem.write_to_path(files.other_ca)
    for leaf, certificate, key in (
        (authority.issue_cert("127.0.0.1", "localhost"), files.server, files.server_key),
        (authority.issue_cert("gateway@example.org"), files.client, files.client_key),
    ):
        (chain,) = leaf.cert_chain_pems
        chain.write_to_path(certificate)
        leaf.private_key_pem.write_to_path(key)
    return files
