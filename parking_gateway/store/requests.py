"""Requests that were answered: which they were, who asked, and the outcome."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.query import Query, Statement, command
from parking_gateway.store.tables import TIME, broker_session, request


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a request has in common with itself when the broker delivers it again."""

    digest: UUID
    """Of its topic, its payload and its properties."""
    mid: int
    """Its packet id. A broker repeats it."""
    client: str
    """Our client id: packet ids are those of a session."""


_CLIENT: Final = sa.bindparam("client", type_=sa.Text)
_DIGEST: Final = sa.bindparam("digest", type_=pg.UUID)
_SINCE: Final = sa.bindparam("since", type_=TIME)
# An attempt that was given up may still be committed, and another gateway may have the same request. Without this, the two
# could overtake each other.
_BEGIN: Final = Statement(
    sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(sa.cast(_DIGEST, sa.Text), 0)))
)
_IS_ANSWERED: Final = Statement(
    sa.select(
        sa.exists().where(
            request.c.digest == _DIGEST,
            request.c.mid == sa.bindparam("mid", type_=sa.Integer),
            request.c.client == _CLIENT,
            request.c.at >= _SINCE,
        )
    )
)
_COPY: Final = request.alias("copy")
_ORIGINAL: Final = Statement(
    sa.select(sa.func.min(request.c.id)).where(
        request.c.digest == _DIGEST,
        request.c.client != _CLIENT,
        request.c.copy_of.is_(None),
        request.c.at >= _SINCE,
        request.c.at
        >= sa.select(broker_session.c.began_at).where(broker_session.c.client_id == _CLIENT).scalar_subquery(),
        ~sa.exists().where(
            _COPY.c.digest == _DIGEST, _COPY.c.client == _CLIENT, _COPY.c.copy_of == request.c.id, _COPY.c.at >= _SINCE
        ),
    )
)
_RECORD: Final = Statement(
    request.insert().values(
        {column.name: sa.bindparam(column.name, type_=column.type) for column in request.c if not column.identity}
    )
)


def begin(one: Delivery) -> Query[None]:
    """Let deliveries of this request be answered one after the other: others wait until the transaction ends."""
    return command(_BEGIN, {"digest": one.digest})


def is_answered(one: Delivery, *, since: datetime) -> Query[bool]:
    """Whether this session's request was answered since then."""
    return Query(
        statement=_IS_ANSWERED,
        arguments=msgspec.to_builtins(one) | {"since": since},
        read=lambda rows: bool(rows[0][0]),
    )


def original(one: Delivery, *, since: datetime) -> Query[int | None]:
    """The id of the request that another gateway answered since then, if this is its copy for us. None: it is no copy.

    Each gateway without a shared subscription receives each request. So our second one of two equal requests is the copy of
    their second one, whenever it comes.
    """
    return Query(
        statement=_ORIGINAL,
        arguments={"digest": one.digest, "client": one.client, "since": since},
        read=lambda rows: None if rows[0][0] is None else int(rows[0][0]),
    )


def record(one: Delivery, *, verb: str, by: str, at: datetime, outcome: str, copy_of: int | None = None) -> Query[None]:
    """Write that the request was answered. `outcome` is `ok`, the code of the error, or `repeated`."""
    details = {"verb": verb, "by": by, "at": at, "outcome": outcome, "copy_of": copy_of}
    return command(_RECORD, msgspec.to_builtins(one) | details)
