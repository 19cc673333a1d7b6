"""Rejected messages as people look at them and work on them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from parking_gateway.core.events import DevEui, Reason, Rejection
from parking_gateway.store.query import Query, Rows, Statement, asks, command
from parking_gateway.store.rejections import DETAIL_LENGTH, kept_text
from parking_gateway.store.rows import array_of, encode, listed, table_of
from parking_gateway.store.tables import rejection, uplink


class ListedRejection(msgspec.Struct, frozen=True):
    """A rejected message."""

    id: int
    received_at: datetime
    reason: str
    detail: str
    topic: str
    dev_eui: str | None
    deduplication_id: UUID | None
    payload: str
    """As hexadecimal digits."""

    @property
    def message(self) -> bytes:
        """The payload."""
        return bytes.fromhex(self.payload)

    @property
    def is_whole(self) -> bool:
        """Whether the payload is stored whole. No message is rejected because it is empty."""
        return self.reason != Reason.TOO_LARGE and self.payload != ""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rejections are meant: those that fulfil every condition."""

    reasons: Sequence[str] = ()
    """Any of them; empty: any reason."""
    devices: Sequence[str] = ()
    since: datetime | None = None
    """Received at this time or later."""
    until: datetime | None = None
    """Received before this time."""
    ids: Sequence[int] = ()
    after: int | None = None
    """With a higher id."""

    @property
    def is_everything(self) -> bool:
        """Whether there is no condition."""
        return self == Wanted()


class Kept(NamedTuple):
    """A rejection that remains, with its new reason."""

    id: int
    rejection: Rejection
    dev_eui: DevEui | None = None
    deduplication_id: UUID | None = None


class Stored(NamedTuple):
    """A rejection whose uplink is recorded, and only its frame was not decoded."""

    id: int
    dev_eui: DevEui
    heard_at: datetime


_COLUMNS: Final = (
    rejection.c.id,
    rejection.c.received_at,
    rejection.c.reason,
    rejection.c.detail,
    rejection.c.topic,
    rejection.c.dev_eui,
    rejection.c.deduplication_id,
    sa.func.encode(rejection.c.payload, "hex").label("payload"),
)
_IS_GIVEN: Final = rejection.c.id.in_(listed("ids", sa.BigInteger))
_OF_UPLINK: Final = sa.select(rejection.c.id, rejection.c.deduplication_id).where(
    rejection.c.deduplication_id.is_not(None)
)
_OF_DEVICES: Final = Statement(
    _OF_UPLINK.where(rejection.c.dev_eui.in_(listed("dev_euis", sa.Text))).order_by(rejection.c.id).with_for_update()
)
_OF_IDS: Final = Statement(_OF_UPLINK.where(_IS_GIVEN).order_by(rejection.c.id).with_for_update())
_LOCK: Final = Statement(sa.select(rejection.c.id).where(_IS_GIVEN).order_by(rejection.c.id).with_for_update())
_REASONS: Final = Statement(sa.select(rejection.c.reason).where(_IS_GIVEN))
_DELETE: Final = Statement(rejection.delete().where(_IS_GIVEN))
_STORED: Final = Statement(
    sa.select(rejection.c.id, rejection.c.dev_eui, uplink.c.heard_at)
    .join(
        uplink,
        sa.and_(uplink.c.dev_eui == rejection.c.dev_eui, uplink.c.deduplication_id == rejection.c.deduplication_id),
    )
    .where(_IS_GIVEN)
)
_KEPT: Final = table_of(
    rejection.c.id, rejection.c.reason, rejection.c.detail, rejection.c.dev_eui, rejection.c.deduplication_id
)
_KEEP: Final = Statement(
    rejection.update()
    .values(
        reason=_KEPT.c.reason,
        detail=_KEPT.c.detail,
        dev_eui=sa.func.coalesce(_KEPT.c.dev_eui, rejection.c.dev_eui),
        deduplication_id=sa.func.coalesce(_KEPT.c.deduplication_id, rejection.c.deduplication_id),
    )
    .where(rejection.c.id == _KEPT.c.id)
)


def latest(wanted: Wanted = Wanted(), *, limit: int) -> Query[list[ListedRejection]]:  # noqa: B008 - it is frozen
    """The last `limit` of the wanted ones, the latest first."""
    newest = rejection.c.received_at.desc(), rejection.c.id.desc()
    return asks(Statement(_selected(wanted).order_by(*newest).limit(limit)), ListedRejection)


def page(wanted: Wanted, *, limit: int) -> Query[list[ListedRejection]]:
    """The first `limit` of the wanted ones, by id."""
    return asks(Statement(_selected(wanted).order_by(rejection.c.id).limit(limit)), ListedRejection)


def count(wanted: Wanted) -> Query[int]:
    """How many they are."""
    return Query(
        statement=Statement(sa.select(sa.func.count()).select_from(rejection).where(*_conditions(wanted))),
        arguments={},
        read=_number,
    )


def purge(wanted: Wanted) -> Query[int]:
    """Delete them. The answer is how many they were."""
    gone = rejection.delete().where(*_conditions(wanted)).returning(rejection.c.id).cte("gone")
    statement = Statement(sa.select(sa.func.count()).select_from(gone))
    return Query(statement=statement, arguments={}, read=_number)


def lock(ids: Iterable[int]) -> Query[set[int]]:
    """Lock these rejections until the transaction ends. The answer are those that still exist."""
    return Query(statement=_LOCK, arguments=_ids(ids), read=lambda rows: {one for (one,) in rows})


def of_devices(devices: Collection[DevEui]) -> Query[list[tuple[int, UUID]]]:
    """The rejections of uplinks of these devices, locked: id and deduplication id."""
    return Query(statement=_OF_DEVICES, arguments={"dev_euis": array_of(list(devices))}, read=_pairs)


def of_ids(ids: Collection[int]) -> Query[list[tuple[int, UUID]]]:
    """Those of these rejections that are of an uplink, locked: id and deduplication id."""
    return Query(statement=_OF_IDS, arguments=_ids(ids), read=_pairs)


def stored(ids: Iterable[int]) -> Query[list[Stored]]:
    """Those of these rejections whose uplinks are recorded."""
    return asks(_STORED, Stored, _ids(ids))


def reasons(ids: Iterable[int]) -> Query[list[str]]:
    """The reasons of those of these rejections that still exist."""
    return asks(_REASONS, str, _ids(ids))


def delete(ids: Iterable[int]) -> Query[None]:
    """Delete these rejections."""
    return command(_DELETE, _ids(ids))


def keep(kept: Iterable[Kept]) -> Query[None]:
    """Write the new reasons."""
    rows = (
        {
            "id": one.id,
            "reason": one.rejection.reason,
            "detail": kept_text(one.rejection.detail, DETAIL_LENGTH),
            "dev_eui": one.dev_eui,
            "deduplication_id": one.deduplication_id,
        }
        for one in kept
    )
    return command(_KEEP, encode(_KEPT, rows))


def _selected(wanted: Wanted) -> sa.Select[Any]:
    return sa.select(*_COLUMNS).where(*_conditions(wanted))


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [sa.true()]
    if wanted.reasons:
        found.append(rejection.c.reason.in_(_set(wanted.reasons, sa.Text)))
    if wanted.devices:
        found.append(rejection.c.dev_eui.in_(_set(wanted.devices, sa.Text)))
    if wanted.since is not None:
        found.append(rejection.c.received_at >= _time(wanted.since))
    if wanted.until is not None:
        found.append(rejection.c.received_at < _time(wanted.until))
    if wanted.ids:
        found.append(rejection.c.id.in_(_set(wanted.ids, sa.BigInteger)))
    if wanted.after is not None:
        found.append(rejection.c.id > sa.cast(str(wanted.after), sa.BigInteger))
    return found


def _set(values: Sequence[Any], kind: type[sa.Text | sa.BigInteger]) -> sa.ScalarSelect[Any]:
    return sa.select(sa.func.unnest(sa.cast(array_of(values), sa.ARRAY(kind)))).scalar_subquery()


def _time(value: datetime) -> sa.ColumnElement[Any]:
    return sa.cast(value.isoformat(), rejection.c.received_at.type)


def _ids(ids: Iterable[int]) -> dict[str, str]:
    return {"ids": array_of(list(ids))}


def _pairs(rows: Rows) -> list[tuple[int, UUID]]:
    return [(rejection_id, deduplication_id) for rejection_id, deduplication_id in rows]


def _number(rows: Rows) -> int:
    ((number,),) = rows
    return int(number)
