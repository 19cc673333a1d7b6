"""Operators who have logged in. Kept in memory: after a restart of the gateway they log in again."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import msgspec

_TOKEN_BYTES: Final = 32
_MOST: Final = 1000
"""Sessions. Beyond them, the oldest one ends."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An operator in one browser."""

    operator: str
    hashed: str
    """The hash of the password that began it. With another password, it is over."""
    csrf: str
    """Every order has to repeat it. Pages of other hosts cannot read it."""
    until: float


class Sessions:
    """All sessions of one gateway, by the hashes of the texts in the cookies."""

    def __init__(self, *, last: timedelta, seconds: Callable[[], float]) -> None:
        """They `last` so long. `seconds` is a clock that never goes back."""
        self._last = last.total_seconds()
        self._seconds = seconds
        self._by_hash: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, operator: str, hashed: str) -> tuple[str, Session]:
        """A new session, with the text for its cookie."""
        cookie = secrets.token_urlsafe(_TOKEN_BYTES)
        session = Session(
            operator=operator,
            hashed=hashed,
            csrf=secrets.token_urlsafe(_TOKEN_BYTES),
            until=self._seconds() + self._last,
        )
        self._by_hash[_hash_of(cookie)] = session
        if len(self._by_hash) > _MOST:
            self._by_hash.popitem(last=False)
        return cookie, session

    def of(self, cookie: str | None) -> Session | None:
        """The session of this cookie, if it has not ended."""
        session = self._by_hash.get(_hash_of(cookie or ""))
        return session if session is not None and session.until > self._seconds() else None

    def end(self, cookie: str | None) -> None:
        """End the session of this cookie."""
        self._by_hash.pop(_hash_of(cookie or ""), None)


def _hash_of(cookie: str) -> bytes:
    # So that the time of a look-up shows nothing about the cookies that there are.
    return hashlib.sha256(cookie.encode(errors="replace")).digest()
