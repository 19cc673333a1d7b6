"""Uplinks as they came, each once however often MQTT delivers it."""

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from parking_gateway.store.pipeline import Query, Rows, Statement
from parking_gateway.store.rows import arguments, bytes_of, json_of, table_of
from parking_gateway.store.tables import uplink
from parking_gateway.uplink import Uplink

_BATCH: Final = table_of(*uplink.c)
_NEW: Final = (
    pg.insert(uplink)
    .from_select(
        list(uplink.c), sa.select(*(bytes_of(column) if column.name == "data" else column for column in _BATCH.c))
    )
    .on_conflict_do_nothing()
    .returning(uplink.c.deduplication_id)
    .cte("new")
)
# Nearly always all are new, which is told by one null. Only else it matters which.
_RECORD: Final = Statement(
    sa.select(
        sa.case(
            (sa.func.count() == sa.bindparam("uplinks", type_=sa.BigInteger), sa.null()),
            else_=sa.func.coalesce(sa.func.array_agg(_NEW.c.deduplication_id), sa.literal_column("'{}'::uuid[]")),
        )
    ).select_from(_NEW)
)
# Two gateways that are redelivered the same messages wait for each other instead of deadlocking.
_in_order: Final = attrgetter("time", "deduplication_id")


def record(uplinks: Sequence[Uplink]) -> Query[list[Uplink]]:
    """Keep the uplinks that were not kept before. The answer are those, in the order in which they were given."""
    ordered = sorted(uplinks, key=_in_order)
    batch = arguments(
        deduplication_id=[one.deduplication_id for one in ordered],
        dev_eui=[one.device.dev_eui for one in ordered],
        time=[one.time for one in ordered],
        received_at=[one.received_at for one in ordered],
        f_cnt=[one.f_cnt for one in ordered],
        f_port=[one.f_port for one in ordered],
        data=[one.data for one in ordered],
        dr=[one.dr for one in ordered],
        confirmed=[one.confirmed for one in ordered],
        rssi=[one.rssi for one in ordered],
        snr=[one.snr for one in ordered],
        gateway_count=[one.gateway_count for one in ordered],
        object=[json_of(one.object) for one in ordered],
    )
    return Query(statement=_RECORD, arguments={**batch, "uplinks": len(ordered)}, read=partial(_new, uplinks))


def _new(uplinks: Sequence[Uplink], rows: Rows) -> list[Uplink]:
    ((some,),) = rows
    if some is None:
        return list(uplinks)
    new: set[UUID] = set(some)
    return [one for one in uplinks if one.deduplication_id in new]
