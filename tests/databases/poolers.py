"""A PgBouncer in a rig."""

import asyncio

from psycopg.conninfo import conninfo_to_dict

from parking_gateway.cli.demo.brokers import LOCALHOST
from tests.databases.pairs import use
from tests.plugins.pgbouncer import Bouncer
from tests.proof.rig import Rig

_DATABASE = "parking"
POOLED = (
    "A pooler is between the gateway and PostgreSQL: it has to be in session mode, or database.prepare has to be false"
)


async def bouncer_before(rig: Rig, *, mode: str, more: str = "", port: int | None = None) -> Bouncer:
    """Put it between the gateway and the rig's server, or the server of this port. The counts still go to the server."""
    host = str(conninfo_to_dict(rig.server.url)["host"])
    server = (LOCALHOST, port) if port else (host, 5432)
    bouncer = await asyncio.to_thread(_started, rig, server, mode=mode, more=more)
    server_url = rig.server.url
    use(rig, bouncer.url(_DATABASE), DATABASE__PREPARE=str(mode == "session"))
    rig.server.url = server_url
    return bouncer


def _started(rig: Rig, server: tuple[str, int], *, mode: str, more: str) -> Bouncer:
    folder = rig.folder / "pgbouncer"
    folder.mkdir(mode=0o755)
    owner = (rig.folder / "postgresql").stat().st_uid
    bouncer = Bouncer(folder, server=server, owner=owner, mode=mode, more=more)
    rig.afterwards.callback(bouncer.stop)
    bouncer.start(_DATABASE)
    return bouncer


async def recognises_pooler(rig: Rig) -> None:
    """The log and `doctor` name the pooler, which only the number of its backend shows."""
    assert rig.gateway.log_lines(POOLED)
    (check,) = [one for one in await rig.doctor() if one["about"] == "pooler"]
    rig.reports.append(f'doctor: pooler {check["verdict"]}, "{check["detail"]}"')
