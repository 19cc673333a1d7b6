"""Uplinks as they came, each once however often MQTT delivers it."""

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.core.events import Uplink
from parking_gateway.store.query import Query, Rows, Statement
from parking_gateway.store.rows import arguments, bytes_of, json_of, table_of
from parking_gateway.store.tables import uplink


def _record(*, has_clocks: bool) -> Statement:
    """Insert a batch. What nearly all uplinks have in common is not sent for each: with `has_clocks`, it is."""
    alike = {uplink.c.received_at} if has_clocks else {uplink.c.received_at, *_OF_CLOCKS}
    batch = table_of(*(column for column in uplink.c if column not in alike))
    values: dict[str, sa.ColumnElement[Any]] = {column.name: column for column in batch.c}
    values |= {"data": bytes_of(batch.c.data), "received_at": sa.bindparam("received_at", type_=_TIME)}
    if has_clocks:
        values["heard_at"] = sa.func.coalesce(batch.c.heard_at, batch.c.time)
    else:
        values |= {"heard_at": batch.c.time, "claimed_at": sa.null(), "claimed_by": sa.null()}
    new = (
        pg.insert(uplink)
        .from_select(list(uplink.c), sa.select(*(values[column.name] for column in uplink.c)))
        .on_conflict_do_nothing()
        .returning(uplink.c.deduplication_id)
        .cte("new")
    )
    # Nearly always all are new, which is told by one null. Only else it matters which.
    return Statement(
        sa.select(
            sa.case(
                (sa.func.count() == sa.bindparam("uplinks", type_=sa.BigInteger), sa.null()),
                else_=sa.func.coalesce(sa.func.array_agg(new.c.deduplication_id), sa.literal_column("'{}'::uuid[]")),
            )
        ).select_from(new)
    )


_OF_CLOCKS: Final = (uplink.c.heard_at, uplink.c.claimed_at, uplink.c.claimed_by)
_TIME: Final = uplink.c.received_at.type
_RECORD: Final = _record(has_clocks=False)
_RECORD_CLOCKS: Final = _record(has_clocks=True)
# Two gateways that are redelivered the same messages wait for each other instead of deadlocking.
_in_order: Final = attrgetter("time", "deduplication_id")


def record(uplinks: Sequence[Uplink]) -> Query[list[Uplink]]:
    """Keep the uplinks that were not kept before, all received at once. The answer are those, in the order of `uplinks`."""
    ordered = sorted(uplinks, key=_in_order)
    batch: dict[str, Any] = arguments(
        deduplication_id=[one.deduplication_id for one in ordered],
        dev_eui=[one.device.dev_eui for one in ordered],
        time=[one.time for one in ordered],
        f_cnt=[one.f_cnt for one in ordered],
        f_port=[one.f_port for one in ordered],
        data=[one.data for one in ordered],
        dr=[one.dr for one in ordered],
        confirmed=[one.confirmed for one in ordered],
        rssi=[one.rssi for one in ordered],
        snr=[one.snr for one in ordered],
        gateway_count=[one.gateway_count for one in ordered],
        object=[json_of(one.object) for one in ordered],
        dev_addr=[one.dev_addr for one in ordered],
    )
    batch |= {"uplinks": len(ordered), "received_at": ordered[0].received_at if ordered else None}
    statement = _RECORD
    if [one for one in ordered if one.heard_at is not one.time or one.wrong_clock]:
        statement = _RECORD_CLOCKS
        batch |= arguments(
            heard_at=[None if one.heard_at is one.time else one.heard_at for one in ordered],
            claimed_at=[one.wrong_clock and one.wrong_clock.claimed for one in ordered],
            claimed_by=[one.wrong_clock and one.wrong_clock.receiver for one in ordered],
        )
    return Query(statement=statement, arguments=batch, read=partial(_new, uplinks))


def _new(uplinks: Sequence[Uplink], rows: Rows) -> list[Uplink]:
    ((some,),) = rows
    if some is None:
        return list(uplinks)
    new: set[UUID] = set(some)
    return [one for one in uplinks if one.deduplication_id in new]
