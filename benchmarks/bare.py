"""The yardstick: a loop that keeps every uplink and every space's state, written by hand with nothing to spare.

It leaves the same rows behind as the gateway, in the gateway's own tables, and does no more for it than it must: parse, decode
one byte, insert each uplink once, lock the spaces, fold, write spaces and transitions, commit, acknowledge. It takes all that
the broker sends ahead as one batch, and parses it while the database writes the one before; a second connection was measured
to gain nothing. It knows one kind of sensor and one kind of event, rejects nothing, keeps no devices and publishes nothing.

`python -m benchmarks.bare UPLINKS`, with the gateway's environment variables.
"""

import asyncio
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import msgspec
import psycopg

from benchmarks.standing import link, report_drained
from parking_gateway.broker.message import Message
from parking_gateway.chirpstack.protobuf_messages import messages
from parking_gateway.chirpstack.protobuf_values import time_of
from parking_gateway.process.config import Config, load

_RECORD: Final = """
insert into uplink (
    received_at, deduplication_id, dev_eui, time, heard_at, f_cnt, dev_addr, f_port, data, dr, confirmed, rssi, snr,
    gateway_count
)
select %s::timestamptz, id, dev_eui, time, time, f_cnt, dev_addr, f_port, data, dr, confirmed, rssi, snr, gateway_count
from unnest(
    %s::uuid[], %s::text[], %s::timestamptz[], %s::bigint[], %s::text[], %s::smallint[],
    %s::bytea[], %s::smallint[], %s::boolean[], %s::integer[], %s::real[], %s::integer[]
) as one (id, dev_eui, time, f_cnt, dev_addr, f_port, data, dr, confirmed, rssi, snr, gateway_count)
on conflict do nothing
"""
_LOCK: Final = """
select dev_eui, space.ctid::text, id, occupancy, state, since, previous, cause, version, seen_at
from installation join space on id = space_id where dev_eui = any(%s::text[]) order by id for no key update of space
"""
_SAVE: Final = """
update space set
    occupancy = new.occupancy, state = new.state, since = new.since, previous = new.previous, cause = new.cause,
    version = new.version, seen_at = new.seen_at, heard_at = new.seen_at, seen_f_cnt = new.seen_f_cnt,
    seen_dev_addr = new.seen_dev_addr
from unnest(
    %s::tid[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::bigint[],
    %s::timestamptz[], %s::bigint[], %s::text[]
) as new (row, id, occupancy, state, since, previous, cause, version, seen_at, seen_f_cnt, seen_dev_addr)
where space.ctid = new.row
"""
_LOG: Final = """
insert into transition (space, "from", "to", at, cause)
select * from unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
"""


class _Device(msgspec.Struct, rename="camel", gc=False):
    dev_eui: str


class _Reception(msgspec.Struct, gc=False):
    rssi: int = 0
    snr: float = 0.0


class _Up(msgspec.Struct, rename="camel"):
    deduplication_id: str
    time: datetime
    device_info: _Device
    rx_info: list[_Reception]
    data: bytes
    dev_addr: str
    f_cnt: int = 0
    f_port: int = 0
    dr: int = 0
    confirmed: bool = False


class _Space(msgspec.Struct, gc=False):
    row: str
    id: int
    occupancy: str
    state: str
    since: datetime
    previous: str | None
    cause: str | None
    version: int
    seen_at: datetime
    seen_f_cnt: int = 0
    seen_dev_addr: str = ""


_from_json: Final = msgspec.json.Decoder(_Up).decode
_encode: Final = msgspec.json.Encoder().encode
"""JSON without its brackets is what PostgreSQL reads as the elements of an array, and nothing writes it faster."""


async def drain(config: Config, uplinks: int) -> None:
    """Keep and acknowledge so many."""
    url = config.database.url.get_secret_value()
    async with await psycopg.AsyncConnection.connect(url) as connection, link(config) as broker:
        writing: asyncio.Task[None] | None = None

        async def write(batch: list[Message], ups: list[_Up]) -> None:
            await _write(connection, ups)
            broker.acknowledge(batch)

        async for batch in broker.batches(limit=config.mqtt.receive_maximum):
            ups = [_parse(message.payload) for message in batch]
            if writing is not None:
                await writing
            writing = asyncio.create_task(write(batch, ups))
            uplinks -= len(batch)
            if uplinks <= 0:
                await writing
                return


async def _write(connection: psycopg.AsyncConnection[Any], ups: list[_Up]) -> None:
    euis = _array({up.device_info.dev_eui for up in ups})
    async with connection.pipeline():  # two round trips: the queries, then the writes with the commit
        await connection.execute(_RECORD, _columns(ups))
        locked = await connection.execute(_LOCK, [euis], binary=True)
        spaces = {eui: _Space(*space) for eui, *space in await locked.fetchall()}
        steps = []
        # An uplink that was recorded before changes nothing, because it is not later than its space.
        for up in sorted(ups, key=_time):
            space = spaces[up.device_info.dev_eui]
            if up.time <= space.seen_at:
                continue
            space.seen_at, space.seen_f_cnt, space.seen_dev_addr = up.time, up.f_cnt, up.dev_addr
            occupancy, state = ("occupied", "OCCUPIED") if up.data[0] & 1 else ("vacant", "FREE")
            if occupancy != space.occupancy:
                steps.append((space.id, space.state, state, up.time, up.deduplication_id))
                space.previous, space.occupancy, space.state = space.state, occupancy, state
                space.since, space.cause, space.version = up.time, up.deduplication_id, space.version + 1
        await connection.execute(_SAVE, _turned(map(msgspec.structs.astuple, spaces.values())))
        if steps:
            await connection.execute(_LOG, _turned(steps))
        await connection.commit()


def _parse(payload: bytes) -> _Up:
    return _from_json(payload) if payload.startswith(b"{") else _from_protobuf(payload)


def _from_protobuf(payload: bytes) -> _Up:
    known: Any = messages()
    up = known.uplink.FromString(payload)
    return _Up(
        deduplication_id=up.deduplication_id,
        time=time_of(up),
        device_info=_device(up.device_info, known.device_info),
        rx_info=[_Reception(rssi=one.rssi, snr=one.snr) for one in up.rx_info],
        data=up.data,
        dev_addr=up.dev_addr,
        f_cnt=up.f_cnt,
        f_port=up.f_port,
        dr=up.dr,
        confirmed=up.confirmed,
    )


@cache
def _device(payload: bytes, message: Any) -> _Device:
    return _Device(dev_eui=message.FromString(payload).dev_eui)


def _columns(ups: list[_Up]) -> list[Any]:
    best = [max(up.rx_info, key=_snr) for up in ups]
    return [
        datetime.now(UTC),
        _array(up.deduplication_id for up in ups),
        _array(up.device_info.dev_eui for up in ups),
        _array(up.time for up in ups),
        _array(up.f_cnt for up in ups),
        _array(up.dev_addr for up in ups),
        _array(up.f_port for up in ups),
        "{" + ",".join([f'"\\\\x{up.data.hex()}"' for up in ups]) + "}",
        _array(up.dr for up in ups),
        _array(up.confirmed for up in ups),
        _array(one.rssi for one in best),
        _array(one.snr for one in best),
        _array(len(up.rx_info) for up in ups),
    ]


def _turned(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    return [_array(column) for column in zip(*rows, strict=True)]


def _array(values: Iterable[Any]) -> str:
    return "{" + _encode(list(values)).decode()[1:-1] + "}"


def _time(up: _Up) -> datetime:
    return up.time


def _snr(reception: _Reception) -> float:
    return reception.snr


if __name__ == "__main__":
    asyncio.run(drain(load(), int(sys.argv[1])))
    report_drained()
