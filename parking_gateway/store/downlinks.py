"""Downlinks: the lines of devices, read under a lock and written after a decision, and what has to be done now."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.downlink import SHOW, Downlink, DownlinkState, statuses_of
from parking_gateway.core.events import DevEui
from parking_gateway.store.locking import locked_by_key
from parking_gateway.store.query import Query, Rows, Statement, command, written
from parking_gateway.store.rows import array_of, bytes_of, encode, listed, table_of
from parking_gateway.store.tables import TIME, device, downlink

AT_ONCE: Final = 1000
"""Devices of one transaction. The next round takes the others."""
_RECENT: Final = timedelta(days=1)
"""Late answers of the network are about downlinks of this time."""
_KEPT_FOR: Final = timedelta(days=3)

_NOW: Final = sa.bindparam("now", type_=TIME)
_SINCE: Final = sa.bindparam("since", type_=TIME)
_GIVEN: Final = listed("dev_euis", sa.Text)
_LOCK: Final = """
select pg_advisory_xact_lock(hashtext('parking-gateway downlinks'), bucket)
from (
    select distinct 1 + abs(hashtext(dev_eui) % 64) as bucket
    from unnest(cast(:dev_euis as text[])) as given (dev_eui)
    {condition}
    order by bucket
) as locked
"""
# Not the rows of devices, because the intake locks these later in another order. A transaction takes 64 locks at most.
_LOCK_ALL: Final = written(_LOCK.format(condition=""))
_LOCK_KNOWN: Final = written(
    _LOCK.format(condition='where exists (select from downlink where downlink.dev_eui = given.dev_eui collate "C")')
)
_LINES: Final = Statement(
    sa.select(*downlink.c).where(
        downlink.c.dev_eui.in_(_GIVEN),
        sa.or_(
            downlink.c.next_at.is_not(None),
            downlink.c.taken_at.is_not(None),
            sa.func.greatest(downlink.c.wished_at, downlink.c.transmitted_at) > _SINCE,
        ),
    )
)
_LOCK_ROUND: Final = Statement(sa.text("select pg_advisory_xact_lock(hashtext('parking-gateway downlinks'), 0)"))
_DUE: Final = Statement(
    sa.select(downlink.c.dev_eui)
    .where(downlink.c.next_at <= _NOW)
    .group_by(downlink.c.dev_eui)
    .order_by(sa.func.min(downlink.c.next_at))
    .limit(AT_ONCE)
)

_BATCH: Final = table_of(*downlink.c)


def _save() -> pg.Insert:
    values = [bytes_of(column) if column.name == "data" else column for column in _BATCH.c]
    insert = pg.insert(downlink).from_select(
        [column.name for column in downlink.c], sa.select(*values).order_by(_BATCH.c.id)
    )
    changing = {column.name: insert.excluded[column.name] for column in downlink.c if column.name != "id"}
    return insert.on_conflict_do_update(index_elements=[downlink.c.id], set_=changing)


_SAVE: Final = Statement(_save())
_STATUSES: Final = table_of(device.c.dev_eui, device.c.downlink)
_CONCERNED: Final = locked_by_key(device.c.dev_eui, device.c.dev_eui == _STATUSES.c.dev_eui)
_SHOW: Final = Statement(
    device.update()
    .values(downlink=_STATUSES.c.downlink, version=device.c.version + 1)
    .where(
        device.c.dev_eui == _STATUSES.c.dev_eui,
        device.c.dev_eui == _CONCERNED.c.key,
        device.c.downlink.is_distinct_from(_STATUSES.c.downlink),
    )
)
_SENT: Final = sa.select(downlink.c.dev_eui, sa.func.max(downlink.c.sent_at).label("sent_at")).where(
    downlink.c.sent_at > _SINCE
)
_SENT_SINCE: Final = Statement(_SENT.group_by(downlink.c.dev_eui))
_GATEWAYS: Final = Statement(
    sa.select(downlink.c.dev_eui, downlink.c.gateway)
    .ext(pg.distinct_on(downlink.c.dev_eui))
    .where(
        downlink.c.gateway.is_not(None),
        sa.or_(
            downlink.c.dev_eui.in_(_GIVEN),
            downlink.c.dev_eui.in_(sa.select(downlink.c.dev_eui).where(downlink.c.sent_at > _SINCE)),
        ),
    )
    .order_by(downlink.c.dev_eui, downlink.c.transmitted_at.desc())
)
_APPLICATIONS: Final = Statement(
    sa.select(device.c.dev_eui, device.c.application_id).where(
        device.c.dev_eui.in_(_GIVEN), device.c.application_id.is_not(None)
    )
)
# What a device shows is kept as long as it shows it, because the same wish must not be sent again.
_DELETE_OLD: Final = Statement(
    downlink.delete().where(downlink.c.next_at.is_(None), downlink.c.taken_at.is_(None), downlink.c.wished_at < _SINCE)
)
_DEV_EUI: Final = sa.bindparam("dev_eui", type_=sa.Text)
_FORGET_SHOWN: Final = Statement(downlink.delete().where(downlink.c.dev_eui == _DEV_EUI, downlink.c.purpose == SHOW))
_HIDE: Final = Statement(
    device.update()
    .values(downlink=sa.null(), version=device.c.version + 1)
    .where(device.c.dev_eui == _DEV_EUI, device.c.downlink["purpose"].astext == SHOW)
)


def due(now: datetime) -> Query[list[DevEui]]:
    """Devices with a downlink that has to be sent, tried again or ended. At most 1000, the longest wait first."""
    return Query(statement=_DUE, arguments={"now": now}, read=_devices)


def lock_round() -> Query[None]:
    """One gateway at a time decides what is sent, because all share the limits. To be locked before any line."""
    return command(_LOCK_ROUND)


def lock(devices: Collection[DevEui]) -> Query[None]:
    """Lock the lines of these devices until the transaction ends."""
    return command(_LOCK_ALL, _given(devices))


def lock_known(devices: Collection[DevEui]) -> Query[None]:
    """The same for those that have downlinks."""
    return command(_LOCK_KNOWN, _given(devices))


def of_devices(devices: Collection[DevEui], *, now: datetime) -> Query[list[Downlink]]:
    """The downlinks of locked devices that can still change, and those that the devices have."""
    return Query(
        statement=_LINES,
        arguments=_given(devices) | {"since": now - _RECENT},
        read=lambda rows: [_downlink(*row) for row in rows],
    )


def save(before: Iterable[Downlink], after: Iterable[Downlink]) -> list[Query[None]]:
    """Write the downlinks that are new or changed, and how far the last one of each device has come."""
    known = {one.id: one for one in before}
    after = list(after)
    changed = [one for one in after if known.get(one.id) != one]
    if not changed:
        return []
    concerned = {one.dev_eui for one in changed}
    statuses = statuses_of(one for one in after if one.dev_eui in concerned)
    return [
        command(_SAVE, encode(_BATCH, map(_row, changed))),
        command(_SHOW, encode(_STATUSES, ({"dev_eui": key, "downlink": one} for key, one in statuses.items()))),
    ]


def forget_shown(dev_eui: DevEui) -> list[Query[None]]:
    """Delete what a locked device shows and was to show, so that it is not sent again."""
    given = {"dev_eui": dev_eui}
    return [command(_FORGET_SHOWN, given), command(_HIDE, given)]


def sent_since(since: datetime) -> Query[dict[DevEui, datetime]]:
    """When devices got their last downlink, of those that got one since then."""
    return Query(statement=_SENT_SINCE, arguments={"since": since}, read=lambda rows: {DevEui(a): b for a, b in rows})


def gateways(devices: Collection[DevEui], *, since: datetime) -> Query[dict[DevEui, str]]:
    """The LoRaWAN gateway that sent the last downlink of a device: of these devices, and of those with one since then."""
    return Query(
        statement=_GATEWAYS,
        arguments=_given(devices) | {"since": since},
        read=lambda rows: {DevEui(dev_eui): gateway for dev_eui, gateway in rows},
    )


def applications(devices: Collection[DevEui]) -> Query[dict[DevEui, str]]:
    """The ids of the devices' applications, as far as they are known."""
    return Query(
        statement=_APPLICATIONS,
        arguments=_given(devices),
        read=lambda rows: {DevEui(dev_eui): application for dev_eui, application in rows},
    )


def delete_old(now: datetime) -> Query[None]:
    """Delete downlinks that ended days ago."""
    return command(_DELETE_OLD, {"since": now - _KEPT_FOR})


def _given(devices: Collection[DevEui]) -> dict[str, Any]:
    return {"dev_euis": array_of(list(devices))}


def _devices(rows: Rows) -> list[DevEui]:
    return [DevEui(dev_eui) for (dev_eui,) in rows]


_NAMES: Final = [column.name for column in downlink.c]


def _downlink(*row: Any) -> Downlink:
    fields = dict(zip(_NAMES, row, strict=True))
    fields["state"] = DownlinkState(fields["state"])
    fields["answer_within"] = timedelta(seconds=fields["answer_within"])
    return Downlink(**fields)


def _row(one: Downlink) -> dict[str, Any]:
    return msgspec.structs.asdict(one) | {"answer_within": one.answer_within.total_seconds()}
