"""Messages that are no uplinks, and codecs that fail. What can be recorded is recorded, everything else is rejected, nothing waits."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Final
from uuid import UUID, uuid4

import aiomqtt
import msgspec
import psycopg
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.cli.demo.fleet import TimedEvent
from parking_gateway.cli.demo.ledger import SentUplink
from tests.events import topic_of
from tests.proof.load import traffic
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import until

_PER_SECOND: Final = 200
_RECORDINGS: Final = Path(__file__).parents[2] / "recordings"
_UUID_LENGTH: Final = 36
_STRANGER: Final = "0011223344556677"
_ACCOUNTED: Final = """
select (select count(*) from uplink where deduplication_id = any(%(mutants)s)) + (
    select count(*) from rejection
    where deduplication_id is null or not exists (
        select from uplink where uplink.deduplication_id = rejection.deduplication_id
    )
)
"""
_REASONS: Final = "select reason, count(*) from rejection group by reason order by reason"
_REJECTED: Final = "select distinct deduplication_id from rejection where deduplication_id is not null"
_GUESTS: Final = {
    "hangs": "while True: pass",
    "explodes": "return bytearray(1 << 40)",
    "dies": "os._exit(1)",
    "lies": "return Reading(occupancy='perhaps', battery_percent=4711)",
}
_GUEST: Final = "import os\nfrom decoders import Device, Reading\nDEVICE = Device(vendor='Acme', model='X', ports=())\n"
Poison = tuple[str, bytes, UUID | None]
"""Topic and payload, and the id of a mutant: an event that was real before its bytes were changed."""


@trial("T10", "garbage and mutants of real events, as JSON and protobuf, with properties", short=300, long=20_000)
async def any_bytes(rig: Rig, times: int) -> None:
    await rig.start_gateway()
    poison = list(_poison(times))
    mutants = [mutant for _, _, mutant in poison if mutant]
    async with rig.load.steady(_PER_SECOND):
        async with aiomqtt.Client(LOCALHOST, rig.broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            for topic, payload, _ in poison:
                await client.publish(topic, payload, qos=1, properties=_properties(rig.dice))
        await until(partial(_is_accounted_for, rig, mutants, times), "a row or a rejection for every message")
        await rig.recover()
    rig.times = times
    rig.reports.append(f"{await _reasons(rig)}; {await _recorded(rig, mutants):,} mutants recorded")
    with psycopg.connect(rig.server.url) as connection:
        rejected = {one for (one,) in connection.execute(_REJECTED.encode()).fetchall()}
    for mutant in mutants:
        rig.ledger.add_sent(
            SentUplink(
                deduplication_id=mutant,
                place=None,
                seen_at=datetime.now(UTC),
                f_cnt=0,
                is_occupied=None,
                is_damaged=mutant in rejected,  # a mutant of a real frame may be undecodable
            )
        )


def _poison(messages: int) -> Iterator[Poison]:
    dice = Random(1)
    real = list(_real_events())
    for number in range(messages):
        match number % 4:
            case 0:
                yield topic_of(_STRANGER), dice.randbytes(dice.randrange(8, 400)), None
            case 1:
                yield topic_of(_STRANGER), b'{"x": %d, "y": %b' % (number, b"[" * dice.randrange(1, 90_000)), None
            case _:
                yield _mutant(*dice.choice(real), dice)


def _real_events() -> Iterator[tuple[str, bytes]]:
    for file in ("chirpstack-json.jsonl", "chirpstack-protobuf.jsonl"):
        for line in (_RECORDINGS / file).read_text().splitlines():
            recorded = json.loads(line)
            if recorded["topic"].endswith("/event/up"):
                yield recorded["topic"], base64.b64decode(recorded["payload"])


def _mutant(topic: str, payload: bytes, dice: Random) -> Poison:
    """The same event with an id of its own, and with some bytes changed or the end cut off."""
    key = b'"deduplicationId":"'
    start = payload.index(key) + len(key) if key in payload else 2
    identity = uuid4()
    end = start + _UUID_LENGTH
    changed = bytearray(payload[:start] + str(identity).encode() + payload[end:])
    if dice.random() < 1 / 2:
        del changed[dice.randrange(end, len(changed)) :]
    else:
        for _ in range(dice.randrange(1, 5)):
            changed[dice.randrange(end, len(changed))] = dice.randrange(256)
    return topic, bytes(changed), identity


def _properties(dice: Random) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho is untyped
    properties.ContentType = "application/x-" + "é" * dice.randrange(100)
    properties.CorrelationData = dice.randbytes(dice.randrange(200))
    properties.UserProperty = [("name", "value"), ("name", "\u202e" * dice.randrange(100))]
    properties.ResponseTopic = "parking/v1/spaces/central/level-1/A-1"
    return properties


async def _is_accounted_for(rig: Rig, mutants: list[UUID], messages: int) -> bool:
    async with await psycopg.AsyncConnection.connect(rig.server.url) as connection:
        cursor = await connection.execute(_ACCOUNTED.encode(), {"mutants": mutants})
        return await cursor.fetchone() == (messages,)


async def _recorded(rig: Rig, mutants: list[UUID]) -> int:
    async with await psycopg.AsyncConnection.connect(rig.server.url) as connection:
        query = b"select count(*) from uplink where deduplication_id = any(%s)"
        ((found,),) = await (await connection.execute(query, [mutants])).fetchall()
        return int(found)


async def _reasons(rig: Rig) -> str:
    async with await psycopg.AsyncConnection.connect(rig.server.url) as connection:
        found = await (await connection.execute(_REASONS.encode())).fetchall()
    return ", ".join(f"{count:,} {reason}" for reason, count in found)


@trial("T10", "codecs of others that hang, die, allocate a terabyte, and return nonsense", short=0, long=4)
async def guests(rig: Rig, times: int) -> None:
    """Each frame of theirs is recorded and rejected. The other spaces follow their sensors."""
    folder = rig.folder / "codecs"
    folder.mkdir()
    with psycopg.connect(rig.server.url) as connection:
        for dev_eui, (name, body) in zip(rig.devices, _GUESTS.items(), strict=False):
            (folder / f"{name}.py").write_text(f"{_GUEST}def decode(frame):\n    {body}\n")
            connection.execute("update installation set codec = %s where dev_eui = %s", [name, dev_eui])
    rig.gateway.configure(DECODERS__FOLDER=str(folder))
    rig.load.follow(_with_guests(rig.devices))
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        for dev_eui in rig.devices[:times]:
            await until(partial(_has_rejected, rig, dev_eui), "a rejected frame of this codec")
            rig.happened(await _has_rejected(rig, dev_eui))
        await rig.pause(5, 5)
        await rig.recover()
    rig.reports.append(await _reasons(rig))


def _with_guests(devices: list[str]) -> Iterator[TimedEvent]:
    for number, one in enumerate(traffic(devices)):
        if number % len(devices) >= len(_GUESTS):
            yield one
            continue
        uplink = msgspec.structs.replace(one.uplink, is_occupied=None, is_damaged=True)
        yield msgspec.structs.replace(one, uplink=uplink)


async def _has_rejected(rig: Rig, dev_eui: str) -> bool:
    async with await psycopg.AsyncConnection.connect(rig.server.url) as connection:
        query = b"select count(*) > 0 from rejection where dev_eui = %s and reason like 'codec%%'"
        ((found,),) = await (await connection.execute(query, [dev_eui])).fetchall()
        return bool(found)
