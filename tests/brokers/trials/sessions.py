"""The connection and the session of one gateway: protocol, will, what waits, and how fast a backlog is recorded."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.brokers.notes import ORDER, PROTOCOL, RATE, SESSION, WILL
from tests.brokers.pictures import STATUS, read
from tests.brokers.stand import Stand, within
from tests.brokers.trials.size import Size
from tests.plugins.daemon import Daemon

_CONNECTED: Final = "Connected to the broker"
_WILL: Final = timedelta(seconds=10)
_OVERTAKEN: Final = """
select count(*) from (
    select
        f_cnt < max(f_cnt) over (
            partition by dev_eui order by received_at range between unbounded preceding and '1 microsecond' preceding
        ) as is_older
    from uplink where received_at > '{since}'
) as uplink where is_older
"""
"""Those of one batch have one time of receipt, and PostgreSQL does not store their rows in the order of the batch."""
_RATE: Final = """
select count(*) filter (where received_at > began) / nullif(extract(epoch from max(received_at) - max(began)), 0)
from uplink, (select min(received_at) as began from uplink where received_at > '{since}') as first
where received_at > '{since}'
"""
"""Without the first batch, whose beginning has no time."""


async def protocol_and_will(stand: Stand, gateway: Daemon) -> None:
    """The version that `auto` comes to, and the will of a gateway that dies."""
    await asyncio.to_thread(gateway.start_and_wait)
    found = str((await asyncio.to_thread(gateway.wait_for_line, _CONNECTED))["protocol"])
    stand.notes.note(PROTOCOL, found)
    if found != stand.engine.expected.protocol:
        stand.notes.complain([f"MQTT {found} is used, and not {stand.engine.expected.protocol}"])
    topic = STATUS.format(instance="alone")

    async def is_offline() -> bool:
        retained = await read(stand.working.url, [topic], [topic])
        return topic in retained and json.loads(retained[topic])["status"] == "offline"

    assert not await is_offline()
    gateway.kill()
    seconds = await within(_WILL, is_offline)
    stand.notes.note(WILL, "none" if seconds is None else f"after {seconds:.1f} s")
    if seconds is None:
        stand.notes.complain([f"no will within {_WILL.total_seconds():.0f} s"])


async def waiting(stand: Stand, gateway: Daemon, size: Size) -> None:
    """Uplinks wait in the session of a gateway that was killed, or ended by SIGTERM."""
    await stand.load.burst(size.waiting)
    await asyncio.to_thread(gateway.start_and_wait)
    lost = await stand.lost()
    stand.notes.note(SESSION, f"{size.waiting - lost:,} of {size.waiting:,} after `kill -9`")
    assert await asyncio.to_thread(gateway.terminate) == 0
    if lost:
        stand.notes.complain([f"{lost} uplinks were lost while the gateway was dead"])
    stand.notes.complain(await stand.differences())


async def backlog(stand: Stand, gateway: Daemon, size: Size) -> None:
    """A large backlog after SIGTERM: whether it is complete, its rate, and the order of the uplinks of each device."""
    await stand.load.burst(size.backlog)
    since = datetime.now(UTC)
    await asyncio.to_thread(gateway.start)
    lost = await stand.lost()
    await asyncio.to_thread(gateway.wait_until, "READY=1")
    stand.notes.note(SESSION, f"{size.backlog - lost:,} of {size.backlog:,} after SIGTERM")
    rate = await stand.number(_RATE.format(since=since.isoformat()))
    stand.notes.note(RATE, f"{rate:,.0f}" if rate else "")
    if lost:
        stand.notes.complain([f"{lost} uplinks were lost while the gateway was away"])
    late = int(await stand.number(_OVERTAKEN.format(since=since.isoformat())))
    stand.notes.note(ORDER, f"{late:,} of {size.backlog:,}")
    if late and stand.engine.expected.has_order:
        stand.notes.complain([f"{late} uplinks came behind later ones of their device"])
    stand.notes.complain(await stand.differences())
