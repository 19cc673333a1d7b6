"""Uplinks as they came, each once however often MQTT delivers it."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from parking_gateway.store.rows import encode, hex_of, table_of
from parking_gateway.store.tables import uplink
from parking_gateway.uplink import Uplink

_BATCH: Final = table_of(*uplink.c)
_RECORD: Final = (
    pg.insert(uplink)
    .from_select(list(uplink.c), sa.select(*_BATCH.c))
    .on_conflict_do_nothing()
    .returning(uplink.c.deduplication_id)
)


async def record(connection: AsyncConnection, uplinks: Sequence[Uplink]) -> set[UUID]:
    """Keep the uplinks that were not kept before; return the deduplication ids of those."""
    # Sorted, so that two gateways that are redelivered the same messages wait for each other instead of deadlocking.
    ordered = sorted(uplinks, key=lambda one: (one.time, one.deduplication_id))
    new = await connection.execute(_RECORD, encode(map(_row, ordered)))
    return set(new.scalars())


def _row(one: Uplink) -> dict[str, object]:
    return {
        "deduplication_id": one.deduplication_id,
        "dev_eui": one.device.dev_eui,
        "time": one.time,
        "received_at": one.received_at,
        "f_cnt": one.f_cnt,
        "f_port": one.f_port,
        "data": hex_of(one.data),
        "dr": one.dr,
        "confirmed": one.confirmed,
        "rssi": one.rssi,
        "snr": one.snr,
        "gateway_count": one.gateway_count,
        "object": one.object,
    }
