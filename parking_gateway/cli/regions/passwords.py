"""Passwords of a region: how they are made, and what a broker and PostgreSQL keep of them, which is not the password."""

import hashlib
import hmac
import secrets
from base64 import b64encode
from typing import Final

_MOSQUITTO_TURNS: Final = 101
_SCRAM_TURNS: Final = 4096
_BYTES: Final = 24
"""Of a password: 192 bits."""


def new() -> str:
    """A password of letters, digits, "-" and "_"."""
    return secrets.token_urlsafe(_BYTES)


def for_mosquitto(user: str, password: str) -> str:
    """The line of Mosquitto's file of passwords, as `mosquitto_passwd` writes it: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _MOSQUITTO_TURNS, 64)
    return f"{user}:$7${_MOSQUITTO_TURNS}${_text(salt)}${_text(found)}"


def for_postgresql(password: str) -> str:
    """The verifier that PostgreSQL keeps for SCRAM-SHA-256 (RFC 5803). `create role … password` takes it as it is."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_TURNS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${_SCRAM_TURNS}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(some: bytes) -> str:
    return b64encode(some).decode()
