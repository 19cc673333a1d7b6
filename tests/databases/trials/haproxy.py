"""HAProxy between the gateway and a pair of servers: with a check of their role, and with a check of their ports alone."""

import asyncio
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Final

import psycopg
import pytest

from parking_gateway.cli.demo.brokers import LOCALHOST, free_port
from tests.databases.pairs import first_commit, has_reason, pair_of, use
from tests.databases.registry import trial
from tests.databases.trials.pair import PER_SECOND, failovers
from tests.plugins.pair import Pair
from tests.proof.rig import Rig
from tests.whole_gateway import until

_CONFIGURATION: Final = """
defaults
  mode tcp
  timeout connect 2s
  timeout client 24h
  timeout server 24h
listen postgresql
  bind 127.0.0.1:{port}
  {check}
  server first 127.0.0.1:{first} check inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions
  server second 127.0.0.1:{second} check inter 300ms fall 2 rise 1 on-marked-down shutdown-sessions{backup}
"""
# A startup packet of the user and database `postgres`, the query `select pg_is_in_recovery()`, and its answer `f`.
_ROLE: Final = """option tcp-check
  tcp-check connect
  tcp-check send-binary 00000029000300007573657200706f73746772657300646174616261736500706f7374677265730000
  tcp-check send-binary 510000001f73656c6563742070675f69735f696e5f7265636f76657279282900
  tcp-check expect binary 440000000b00010000000166"""
_PORT_ALONE: Final = "option tcp-check"
_OLD: Final = "it is an old primary"
_STANDBY: Final = "The server is a standby or read-only"


@trial(
    "haproxy",
    "synchronous pair behind HAProxy with a check of the role: `kill -9` of the primary, its standby promoted",
    short=0,
    long=3,
)
async def role_checked(rig: Rig, times: int) -> None:
    await failovers(rig, await _behind_haproxy(rig, check=_ROLE), times)


@trial(
    "haproxy",
    "the same with a check of the port alone: it leads to the standby, and then to the old primary that came back",
    short=0,
    long=1,
)
async def port_checked(rig: Rig, times: int) -> None:
    assert times == 1
    pair = await _behind_haproxy(rig, check=_PORT_ALONE, backup=" backup")
    await rig.start_gateway()
    async with rig.load.steady(PER_SECOND):
        await rig.pause(0.5, 1.5)
        await asyncio.to_thread(pair.first.kill)
        await until(partial(has_reason, rig, _STANDBY), "the standby as the reason")
        rig.happened(pair.second.value("select pg_is_in_recovery()"))
        promoted = rig.seconds()
        await asyncio.to_thread(pair.second.promote)
        await asyncio.to_thread(pair.second.demand_no_standby)
        rig.server.url = pair.second.url
        await first_commit(rig, since=promoted)
        await rig.settle()
        await asyncio.to_thread(pair.first.start)
        await asyncio.to_thread(pair.first.demand_no_standby)
        rows = pair.first.value("select count(*) from uplink")
        await asyncio.to_thread(pair.second.cut)
        await until(partial(has_reason, rig, _OLD), "the old primary as the reason")
        rig.happened(pair.first.value("select not pg_is_in_recovery()"))
        assert pair.first.value("select count(*) from uplink") == rows
        stopped = rig.seconds()
        await asyncio.to_thread(pair.first.stop)
        await first_commit(rig, since=stopped)
        await rig.settle()
    rig.reports.append(f'/readyz: "{_STANDBY}", then "{_OLD}"; nothing was written to either')


async def _behind_haproxy(rig: Rig, *, check: str, backup: str = "") -> Pair:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("HAProxy is not installed")
    pair = await pair_of(rig, is_synchronous=True)
    port = free_port()
    configuration = rig.folder / "haproxy.cfg"
    text = _CONFIGURATION.format(port=port, check=check, first=pair.first.port, second=pair.second.port, backup=backup)
    await asyncio.to_thread(_start, rig, program, configuration, text)
    url = f"postgresql://postgres@{LOCALHOST}:{port}/parking"

    async def leads_to_primary() -> bool:
        try:
            async with await psycopg.AsyncConnection.connect(url, connect_timeout=2) as connection:
                ((is_standby,),) = await (await connection.execute("select pg_is_in_recovery()")).fetchall()
        except psycopg.OperationalError:
            return False
        return not is_standby

    await until(leads_to_primary, "the primary behind HAProxy")
    use(rig, url)
    return pair


def _start(rig: Rig, program: str, configuration: Path, text: str) -> None:
    configuration.write_text(text)
    process = subprocess.Popen(
        [program, "-q", "-db", "-f", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    rig.afterwards.callback(process.wait)
    rig.afterwards.callback(process.kill)
