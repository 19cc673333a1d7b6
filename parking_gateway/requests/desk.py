"""The values of a request: the desk at which a verb works, and the two things that a verb can return."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from parking_gateway.core.committed import Committed
from parking_gateway.core.printable import printable, shortened
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config.downlinks import DownlinksConfig
from parking_gateway.store.database import Connection

UNKNOWN: Final = "unknown"
"""The requester of a request that names none."""
_LONGEST_NAME: Final = 100


class Code(StrEnum):
    """Why a request was refused. `docs/reference/requests.md` explains each to the requester."""

    MALFORMED = "malformed"
    """The payload is no JSON object."""
    INVALID = "invalid"
    """A parameter is missing, impossible or unknown."""
    UNKNOWN_VERB = "unknown_verb"
    NOT_FOUND = "not_found"
    """A place, a device or a reservation that the request names does not exist."""
    CONFLICT = "conflict"
    """The present state does not allow it."""
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    """The requester, or all requesters together, have asked too often."""
    UNAVAILABLE = "unavailable"
    """The database takes nothing now."""
    FAILED = "failed"
    """A mistake of the gateway's."""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What a verb works with. Its transaction is the connection's, and the caller commits it."""

    connection: Connection
    now: datetime
    decoder: Decoder
    by: str = UNKNOWN
    """Who asked: printable, of limited length."""
    downlinks: DownlinksConfig = DownlinksConfig()
    """The models of indicators, and how long a downlink is tried."""

    def cause(self, what: str) -> str:
        """The cause of the steps that the request brings about, such as `maintenance by anna`."""
        return f"{what} by {self.by}"


class Answer(msgspec.Struct, frozen=True):
    """The request was carried out; the caller commits and reports."""

    data: Any = msgspec.field(default_factory=dict)
    """For the requester, as JSON."""
    committed: Committed = Committed()


class Refusal(msgspec.Struct, frozen=True):
    """The request was not carried out; the caller undoes the transaction."""

    code: Code
    message: str
    """A sentence for a person: what is wrong, and what to do."""


def requester(name: str | None) -> str:
    """The name of who asked, safe for logs and causes: printable, without outer spaces, and not long."""
    return shortened(printable(name or "").strip(), _LONGEST_NAME) or UNKNOWN
