"""Errors of TLS with the database: what to do, by the words of libpq. Pure."""

from collections.abc import Mapping
from typing import Final

_OURS: Final = "sslcert and sslkey in database.url"
_TODO: Final[Mapping[str, str]] = {
    "root certificate file": "Name the authority of the server's certificate by sslrootcert in database.url",
    "certificate verify failed": (
        "The server's certificate is of an authority that is not trusted here, or has expired: name its authority by"
        " sslrootcert in database.url, or renew the certificate"
    ),
    "does not match host name": "Name the server in database.url as in its certificate",
    "server does not support SSL": "Switch ssl on in the server; without it, sslmode=disable sends everything unencrypted",
    "valid client certificate": f"The server demands a certificate: set {_OURS}",
    "certificate required": f"The server demands a certificate: set {_OURS}",
    "alert certificate expired": f"The certificate of the gateway has expired: renew it ({_OURS})",
    "alert unknown ca": f"The server does not trust the authority of the gateway's certificate: replace it ({_OURS})",
    "alert": f"The server refuses the certificate of the gateway: replace it ({_OURS})",
    "group or world access": "Give the file the mode 0600",
    "bad decrypt": "Correct sslpassword in database.url, or store the key without a password",
    "key values mismatch": f"Name the key of the certificate: {_OURS}",
    # What a wrong password makes of one key in 256 looks decrypted, and is no key.
    "could not load private key file": (
        "Correct sslpassword in database.url if the key has a password; else name a key in PEM by sslkey"
    ),
    "private key file": f"Name the key of the certificate: {_OURS}",
    "could not read": "Name a file in PEM, or convert it",
    "no encryption": "The server demands TLS: set sslmode=verify-full and sslrootcert in database.url",
}
"""The most special first."""


def todo_of(message: str) -> str | None:
    """The task of a person after an error of a connection; None: it is no error of TLS."""
    return next((todo for sign, todo in _TODO.items() if sign in message), None)


def is_local(host: str) -> bool:
    """Whether a connection to this host stays on this machine: a socket, or an address of the machine itself."""
    return not host or host.startswith(("/", "@", "127.")) or host in ("localhost", "::1")
