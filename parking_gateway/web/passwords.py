"""Hashes of the passwords of operators and of the tokens of programs, as the configuration has them."""

import hashlib
import hmac
import secrets
from typing import Final

_COST: Final = 16_384
_BLOCK: Final = 8
_PARALLEL: Final = 5
"""As OWASP recommends for scrypt: 16 MB of memory and a quarter of a second for each attempt."""
_MEMORY: Final = 64_000_000
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_TOKEN_BYTES: Final = 32


def hash_of(password: str) -> str:
    """A new hash of the password, with a salt of its own."""
    salt = secrets.token_bytes(_SALT_BYTES)
    made = _scrypt(password, salt=salt, cost=_COST, block=_BLOCK, parallel=_PARALLEL)
    return f"scrypt${_COST}${_BLOCK}${_PARALLEL}${salt.hex()}${made.hex()}"


def is_password(password: str, hashed: str) -> bool:
    """Whether it is the password of this hash. Takes as long whatever the answer is."""
    _, cost, block, parallel, salt, expected = hashed.split("$")
    try:
        made = _scrypt(password, salt=bytes.fromhex(salt), cost=int(cost), block=int(block), parallel=int(parallel))
    except ValueError:  # the configuration has other costs than scrypt allows
        return False
    return hmac.compare_digest(made, bytes.fromhex(expected))


def new_token() -> tuple[str, str]:
    """A token for a program, and its hash for the configuration."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return token, token_hash(token)


def token_hash(token: str) -> str:
    """The hash of a token. It needs no salt and no cost, because nobody can guess a token."""
    return f"sha256${hashlib.sha256(token.encode()).hexdigest()}"


def _scrypt(password: str, *, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=parallel, maxmem=_MEMORY, dklen=_HASH_BYTES)
