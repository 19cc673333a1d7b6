"""Uplinks come twice, late, and dated by wrong clocks. Counters begin again."""

from typing import Final

import psycopg

from tests.proof.disorder import disordered
from tests.proof.rig import Rig
from tests.proof.trial import trial

_PER_SECOND: Final = 300
_SECONDS: Final = 4
_PROOFS: Final = {
    "overtaken uplinks": "select count(*) from (select f_cnt < lag(f_cnt) over (partition by dev_eui order by received_at, ctid)"
    " as is_older from uplink where dev_eui = '{overtaken}') as uplink where is_older",
    "of a server 40 minutes behind": "select count(*) from uplink where time < received_at - interval '39 minutes'",
    "of clocks minutes off": "select count(*) from uplink where abs(extract(epoch from claimed_at - received_at)) < 3600",
    "of clocks years off": "select count(*) from uplink where abs(extract(epoch from claimed_at - received_at)) > 3e8",
    "rejoins": "select count(distinct dev_addr) - 1 from uplink where dev_eui = '{joined}'",
    "counter resets": "select count(*) from (select f_cnt < lag(f_cnt) over (partition by dev_eui order by received_at, ctid)"
    " as is_reset from uplink where dev_eui = '{reset}') as uplink where is_reset",
}


@trial("T9", "duplicates, overtaken uplinks, clocks off by minutes and years, rejoins, counter resets", short=6, long=6)
async def disorder(rig: Rig, times: int) -> None:
    """Times: kinds of disorder, each found in the database."""
    rig.load.follow(disordered(rig.devices))
    await rig.start_gateway()
    async with rig.load.steady(_PER_SECOND):
        await rig.pause(_SECONDS, _SECONDS)
        await rig.recover()
    duplicates = rig.gateway.metric("parking_gateway_duplicates_total")
    assert duplicates > 0
    found = [f"{duplicates:,.0f} duplicates"]
    with psycopg.connect(rig.server.url) as connection:
        for name, query in _PROOFS.items():
            chosen = query.format(overtaken=rig.devices[1], joined=rig.devices[7], reset=rig.devices[8])
            ((uplinks,),) = connection.execute(chosen.encode()).fetchall()
            rig.happened(uplinks > 0)
            found.append(f"{uplinks:,} {name}")
    rig.reports.append(", ".join(found))
