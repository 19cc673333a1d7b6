"""Whether a request may be answered: the tokens of programs, of which the configuration has the hashes."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from pydantic import SecretStr

from parking_gateway.web.api.problem import Problem
from parking_gateway.web.passwords import token_hash

_BEARER: Final = "bearer "


def require(authorization: str | None, tokens: Mapping[str, SecretStr]) -> None:
    """Raise a problem unless the header has one of the tokens. Without tokens, everybody may read."""
    if not tokens:
        return
    if authorization is None or not authorization.lower().startswith(_BEARER):
        raise _refused("This address needs a token: send the header Authorization: Bearer TOKEN.", "")
    found = token_hash(authorization[len(_BEARER) :].strip())
    # All are compared, so that the time of the answer shows nothing.
    matches = [hmac.compare_digest(found, known.get_secret_value()) for known in tokens.values()]
    if not any(matches):
        raise _refused("The token is not known: ask for one that is in web.tokens.", ', error="invalid_token"')


def _refused(detail: str, error: str) -> Problem:
    return Problem(
        HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": f'Bearer realm="parking-gateway"{error}'}
    )
