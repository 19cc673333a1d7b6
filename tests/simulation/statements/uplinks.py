"""Uplinks: looked for and added, with the numbers of the codecs that have read them."""

import base64
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from typing_extensions import override

from parking_gateway.store import codecs
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import EPOCH, rows


class Repetition(psycopg.errors.UniqueViolation):
    """An uplink was added that is there."""

    @property
    @override
    def diag(self) -> Any:
        return SimpleNamespace(
            sqlstate="23505",
            message_primary='duplicate key value violates unique constraint "uplink_2026_11_pkey"',
            table_name="uplink_2026_11",
            constraint_name="uplink_2026_11_pkey",
            column_name=None,
            source_function="_bt_check_unique",
            context=None,
        )


async def _enter(_transaction: Transaction, _arguments: Arguments) -> Rows:
    return ()


async def _find(transaction: Transaction, arguments: Arguments) -> Rows:
    keys = [(one["time"], UUID(one["deduplication_id"])) for one in rows(arguments)]
    return [(key[1],) for key in keys if transaction.get("uplink", key) is not None]


async def _add(transaction: Transaction, arguments: Arguments) -> Rows:
    for one in rows(arguments):
        key = one["time"], UUID(one["deduplication_id"])
        if await transaction.lock("uplink", key) is not None:
            raise Repetition
        heard_at = one.get("heard_at") or one["time"]
        received_at = one.get("receipts") or arguments["received_at"]
        transaction.put("uplink", key, _uplink(one, heard_at=heard_at, received_at=received_at))
    return ()


async def _number_codecs(transaction: Transaction, arguments: Arguments) -> Rows:
    found = []
    for one in sorted(rows(arguments), key=lambda row: (row["name"], row["version"])):
        key = one["name"], one["version"]
        known = await transaction.lock("codec", key)
        if known is None:
            known = one | {"id": transaction.next("codec")}
            transaction.put("codec", key, known)
        found.append((*key, known["id"]))
    return found


def _uplink(one: Mapping[str, Any], **times: Any) -> Row:
    return {
        "deduplication_id": UUID(one["deduplication_id"]),
        "dev_eui": one["dev_eui"],
        "time": one["time"],
        "f_cnt": one["f_cnt"],
        "f_port": one["f_port"],
        "data": base64.b64decode(one["data"]),
        "dr": one["dr"],
        "confirmed": one["confirmed"],
        "rssi": one["rssi"],
        "snr": one["snr"],
        "gateway_count": one["gateway_count"],
        "object": one["object"] and msgspec.json.decode(one["object"]),
        "dev_addr": one["dev_addr"],
        "codec_id": one["codec_id"],
        "claimed_at": one.get("claimed_at"),
        "claimed_by": one.get("claimed_by"),
        **times,
    }


def of_device(transaction: Transaction, dev_eui: str) -> list[Row]:
    """The uplinks of a device by the time at which they were heard, the oldest first."""
    found = [row for _, row in transaction.all("uplink") if row["dev_eui"] == dev_eui]
    return sorted(found, key=lambda row: (row["heard_at"] or EPOCH, row["f_cnt"]))


STATEMENTS: Final = {
    b"enter_uplinks": _enter,
    b"find_uplinks": _find,
    b"add_uplinks": _add,
    codecs.numbers([]).statement.name: _number_codecs,
}
