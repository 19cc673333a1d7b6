"""Uplinks as they came, each once however often MQTT delivers it."""

from collections.abc import Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from psycopg.errors import UniqueViolation

from parking_gateway.core.events import Uplink
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Query, Rows
from parking_gateway.store.rows import arrays, json_of
from parking_gateway.store.tables import uplink

UNREAD: Final = ("time", "claimed_at", "claimed_by", "codec_id")
"""Columns that are not read back into an `Uplink`. A claimed time may be one that no datetime can hold."""

# Two gateways that are redelivered the same messages wait for each other instead of deadlocking.
_in_order: Final = attrgetter("time", "deduplication_id")


def add(uplinks: Sequence[Uplink]) -> Query[list[Uplink]]:
    """Keep the uplinks, which are all new as far as anybody knows. The answer is `uplinks`.

    Raises what `is_repetition` recognises if one is kept already.
    """
    ordered = sorted(uplinks, key=_in_order)
    received_at = ordered[0].received_at if ordered else None
    if [
        one for one in ordered if one.heard_at is not one.time or one.wrong_clock or one.received_at is not received_at
    ]:
        return record(uplinks)
    return Query(
        statement=HOT["add_uplinks"],
        arguments=_columns(ordered) | {"received_at": received_at},
        read=lambda _: list(uplinks),
    )


def record(uplinks: Sequence[Uplink]) -> Query[list[Uplink]]:
    """Keep the uplinks that were not kept before. The answer are those, in the order of `uplinks`."""
    ordered = sorted(uplinks, key=_in_order)
    clocks = arrays(
        heard_at=[None if one.heard_at is one.time else one.heard_at for one in ordered],
        claimed_at=[one.wrong_clock and one.wrong_clock.claimed for one in ordered],
        claimed_by=[one.wrong_clock and one.wrong_clock.receiver for one in ordered],
        receipts=[one.received_at for one in ordered],
    )
    batch = _columns(ordered) | clocks | {"uplinks": len(ordered)}
    return Query(statement=HOT["record_uplinks"], arguments=batch, read=partial(_new, uplinks))


def is_repetition(error: BaseException) -> bool:
    """Whether `add` has found an uplink that is kept already."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return isinstance(cause, UniqueViolation) and (cause.diag.table_name or "").startswith(uplink.name)


def _columns(ordered: Sequence[Uplink]) -> dict[str, Any]:
    return arrays(
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


def _new(uplinks: Sequence[Uplink], rows: Rows) -> list[Uplink]:
    ((some,),) = rows
    if some is None:
        return list(uplinks)
    new: set[UUID] = set(some)
    return [one for one in uplinks if one.deduplication_id in new]
