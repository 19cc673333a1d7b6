"""Uplinks as they came, each once however often MQTT delivers it."""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from psycopg.errors import UniqueViolation

from parking_gateway.core.device import CodecIdentity, DeviceReading
from parking_gateway.core.events import Uplink
from parking_gateway.store.hot import HOT
from parking_gateway.store.query import Query, command
from parking_gateway.store.rows import arrays, json_of
from parking_gateway.store.tables import uplink

UNREAD: Final = ("time", "claimed_at", "claimed_by", "codec_id")
"""Columns that are not read back into an `Uplink`. A claimed time may be one that no datetime can hold."""

# Two gateways that are redelivered the same messages wait for each other instead of deadlocking.
_in_order: Final = attrgetter("uplink.time", "uplink.deduplication_id")
_RARE: Final[dict[str, Any]] = dict.fromkeys(("receipts", "heard_at", "claimed_at", "claimed_by"))
"""Columns of uplinks of which a time was not believed, or that were received apart. An absent array is a column of nulls."""


def enter() -> Query[None]:
    """Begin to record uplinks. It waits for an import, which replays the uplinks that it finds, and then ours finds what it installs."""
    return command(HOT["enter_uplinks"])


def add(readings: Iterable[DeviceReading], numbered: Mapping[CodecIdentity, int]) -> Query[None]:
    """Keep these uplinks, each with the number of the codec that read it.

    Raises what `is_repetition` recognises if one is kept already. To be executed before all that refers to them.
    """
    ordered = sorted(readings, key=_in_order)
    uplinks = [one.uplink for one in ordered]
    received_at = uplinks[0].received_at if uplinks else None
    columns = arrays(
        deduplication_id=[one.deduplication_id for one in uplinks],
        dev_eui=[one.device.dev_eui for one in uplinks],
        time=[one.time for one in uplinks],
        f_cnt=[one.f_cnt for one in uplinks],
        f_port=[one.f_port for one in uplinks],
        data=[one.data for one in uplinks],
        dr=[one.dr for one in uplinks],
        confirmed=[one.confirmed for one in uplinks],
        rssi=[one.rssi for one in uplinks],
        snr=[one.snr for one in uplinks],
        gateway_count=[one.gateway_count for one in uplinks],
        object=[json_of(one.object) for one in uplinks],
        dev_addr=[one.dev_addr for one in uplinks],
        codec_id=[one.read_by and numbered.get(one.read_by) for one in ordered],
    )
    rare = _RARE
    if [
        one for one in uplinks if one.heard_at is not one.time or one.wrong_clock or one.received_at is not received_at
    ]:
        rare = arrays(
            receipts=[one.received_at for one in uplinks],
            heard_at=[None if one.heard_at is one.time else one.heard_at for one in uplinks],
            claimed_at=[one.wrong_clock and one.wrong_clock.claimed for one in uplinks],
            claimed_by=[one.wrong_clock and one.wrong_clock.receiver for one in uplinks],
        )
    return command(HOT["add_uplinks"], columns | rare | {"received_at": received_at})


def recorded(uplinks: Sequence[Uplink]) -> Query[set[UUID]]:
    """Those of these uplinks that are kept already, by their deduplication ids."""
    keys = arrays(deduplication_id=[one.deduplication_id for one in uplinks], time=[one.time for one in uplinks])
    return Query(statement=HOT["find_uplinks"], arguments=keys, read=lambda rows: {one for (one,) in rows})


def is_repetition(error: BaseException) -> bool:
    """Whether `add` has found an uplink that is kept already."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    return isinstance(cause, UniqueViolation) and (cause.diag.table_name or "").startswith(uplink.name)
