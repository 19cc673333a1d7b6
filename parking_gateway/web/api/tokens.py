"""The tokens of programs. The configuration has their hashes.

SHA-256 is enough, because a token is 32 random bytes and no password of a person, which can be guessed.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Final

from pydantic import SecretStr

from parking_gateway.web.api.problem import Problem

_SCHEME: Final = "sha256$"
_BEARER: Final = "bearer "


def new() -> str:
    """A new token."""
    return token_urlsafe(32)


def hash_of(token: str) -> str:
    """The hash of a token, for the configuration."""
    return _SCHEME + sha256(token.encode()).hexdigest()


def require(authorization: str | None, tokens: Mapping[str, SecretStr]) -> None:
    """Raise a problem unless the header has one of the tokens. Without tokens, everybody may read."""
    if not tokens:
        return
    if authorization is None or not authorization.lower().startswith(_BEARER):
        raise _refused("This address needs a token: send the header Authorization: Bearer TOKEN.", "")
    found = hash_of(authorization[len(_BEARER) :].strip())
    # All are compared, so that the time of the answer shows nothing.
    matches = [hmac.compare_digest(found, known.get_secret_value()) for known in tokens.values()]
    if not any(matches):
        raise _refused("The token is not known: ask for one that is in web.tokens.", ', error="invalid_token"')


def _refused(detail: str, error: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": f'Bearer realm="parking-gateway"{error}'}
    )
