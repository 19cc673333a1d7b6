"""What a gateway remembers of its broker: the last marker that was confirmed, and the subscriptions of its session."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store import announcements, confirmations
from parking_gateway.store.query import Query, Rows, Statement, asks, command
from parking_gateway.store.rows import array_of
from parking_gateway.store.tables import TIME, broker_session, gateway


class KnownGateway(NamedTuple):
    """A gateway that has published to the broker."""

    instance: str
    watched_at: datetime | None
    """When it last wrote that every event has reached it."""


class LastSigns(NamedTuple):
    """The last signs of life before a start."""

    watched_at: datetime | None
    """Of this gateway. None: it was never connected."""
    listening_since: datetime | None
    """Since when every event had reached it by then."""
    session_began_at: datetime | None
    """Since when its session has its subscriptions, by the database's clock. None: the one to the events is not among them."""
    others_watched_at: datetime | None
    """Of the gateways beside it, the last one. None: there are none."""


def known() -> Query[list[KnownGateway]]:
    """All gateways of this database, also those that are away."""
    return asks(_KNOWN, KnownGateway)


def markers() -> Query[dict[str, int]]:
    """The numbers of the markers that were confirmed last, by instance: of this gateway and of those beside it."""
    return Query(statement=_MARKERS, arguments={}, read=_by_instance)


def filters(client_id: str) -> Query[frozenset[str] | None]:
    """The subscriptions that the session of `client_id` may hold. None: it never had a session."""
    return Query(statement=_FILTERS, arguments={"client": client_id}, read=_filters)


def remember_filters(held: Collection[str], *, client_id: str) -> Query[None]:
    """Write which subscriptions the session of `client_id` may hold from now on."""
    return command(_REMEMBER, {"client": client_id, "held": array_of(sorted(held))})


def begin_again(instance: str, number: int) -> list[Query[None]]:
    """Make everything due, and this number the one that the broker has to retain once it has confirmed the marker."""
    return [
        *confirmations.all_again(),
        announcements.forget(),
        command(_SET_MARKER, {"gateway": instance, "number": number}),
    ]


def begin_again_above(instance: str, number: int, *, version: int) -> list[Query[None]]:
    """The same for a database that may have lost published rows: all versions are raised to `version` at least."""
    return [*confirmations.raise_versions(version), *begin_again(instance, number)]


def advance(instance: str, number: int) -> Query[int]:
    """Write down that the broker confirmed this marker. The answer is the number before; 0 if there was none."""
    return Query(statement=_ADVANCE, arguments={"gateway": instance, "number": number}, read=_before)


def agree(instance: str, number: int) -> list[Query[Any]]:
    """Write down the marker of a broker that went back and is healed. All is announced again, because payloads are not compared."""
    return [announcements.forget(), advance(instance, number)]


def watched(instance: str, *, at: datetime, listening_since: datetime | None) -> Query[None]:
    """Write down since when every event has reached this gateway. None: as before. A gateway without a marker has no row yet."""
    return command(_WATCHED, {"gateway": instance, "at": at, "since": listening_since})


def last_signs(instance: str, *, client_id: str, events: str) -> Query[LastSigns]:
    """The last signs of life of this gateway, which subscribes to the events by this topic filter, and of the others."""
    arguments = {"gateway": instance, "client": client_id, "events": events}
    return Query(statement=_SIGNS, arguments=arguments, read=lambda rows: LastSigns(*rows[0]))


_KNOWN: Final = Statement(sa.select(gateway.c.instance, gateway.c.watched_at).order_by(gateway.c.instance))
_MARKERS: Final = Statement(sa.select(gateway.c.instance, gateway.c.confirmed))
_CLIENT: Final = sa.bindparam("client", type_=sa.Text)
_FILTERS: Final = Statement(sa.select(broker_session.c.filters).where(broker_session.c.client_id == _CLIENT))
_HELD: Final = sa.cast(sa.bindparam("held", type_=sa.Text), sa.ARRAY(sa.Text))
_REMEMBER: Final = Statement(
    pg.insert(broker_session)
    .values(client_id=_CLIENT, filters=_HELD)
    .on_conflict_do_update(index_elements=["client_id"], set_={"filters": _HELD, "began_at": sa.func.now()})
)
_INSERT: Final = pg.insert(gateway).values(
    instance=sa.bindparam("gateway", type_=sa.Text), confirmed=sa.bindparam("number", type_=sa.BigInteger)
)
_SET_MARKER: Final = Statement(
    _INSERT.on_conflict_do_update(index_elements=["instance"], set_={"confirmed": _INSERT.excluded.confirmed})
)
_IS_OURS: Final = gateway.c.instance == sa.bindparam("gateway", type_=sa.Text)
_BEFORE: Final = sa.select(gateway.c.instance, gateway.c.confirmed).where(_IS_OURS).with_for_update().cte("before")
_ADVANCE: Final = Statement(
    gateway.update()
    .where(gateway.c.instance == _BEFORE.c.instance)
    .values(confirmed=sa.func.greatest(_BEFORE.c.confirmed, sa.bindparam("number", type_=sa.BigInteger)))
    .returning(_BEFORE.c.confirmed)
)
_WATCHED: Final = Statement(
    gateway.update()
    .where(_IS_OURS)
    .values(
        watched_at=sa.bindparam("at", type_=TIME),
        listening_since=sa.func.coalesce(sa.bindparam("since", type_=TIME), gateway.c.listening_since),
    )
)
_SIGNS: Final = Statement(
    sa.select(
        sa.func.max(gateway.c.watched_at).filter(_IS_OURS),
        sa.func.max(gateway.c.listening_since).filter(_IS_OURS),
        sa.select(broker_session.c.began_at)
        .where(
            broker_session.c.client_id == _CLIENT,
            sa.bindparam("events", type_=sa.Text) == sa.any_(broker_session.c.filters),
        )
        .scalar_subquery(),
        sa.func.max(gateway.c.watched_at).filter(~_IS_OURS),
    )
)


def _filters(rows: Rows) -> frozenset[str] | None:
    return frozenset(rows[0][0]) if rows else None


def _by_instance(rows: Rows) -> dict[str, int]:
    return dict(rows)


def _before(rows: Rows) -> int:
    before: Any = rows[0][0] if rows else 0
    return int(before)
