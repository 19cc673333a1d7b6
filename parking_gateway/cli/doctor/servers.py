"""The checks of the server of the database: its timeline, its standby, and a pooler before it."""

from collections.abc import Iterator
from typing import Final

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.wording import counted
from parking_gateway.store.pool import Pool
from parking_gateway.store.replication import Replication, replication_of
from parking_gateway.store.verdicts import FAILURES, diagnosis_of

_TO_BE_SYNCHRONOUS: Final = (
    "a failover loses what it has not received; docs/how-to/two-database-servers.md shows how commits wait for it"
)


async def examine_servers(pool: Pool) -> list[Check]:
    """Check the server that the gateway works on. It has answered before."""
    try:
        replication = await replication_of(pool)
    except FAILURES as error:
        detail = f"it cannot be asked: {diagnosis_of(error).sentence}"
        return [Check(about="standby", detail=detail, is_judged=False)]
    return [_server(pool), _standby(replication), *_pooler(pool)]


def _server(pool: Pool) -> Check:
    found, last = pool.check.found, pool.check.known.last
    if found is None:
        detail = "its timeline is not known: it is a standby, or this role may not call pg_control_system()"
        return Check(about="server", detail=detail, is_judged=False)
    detail = f"it has the system identifier {found.system_identifier} and is on timeline {found.timeline}"
    return Check(about="server", detail=f"{detail}. {last.change}" if last and last.change else detail)


def _standby(replication: Replication) -> Check:
    if replication.complaint:
        what, _, remedy = replication.complaint.partition(": ")
        return Check(about="standby", detail=what, fix=remedy[:1].upper() + remedy[1:])
    connected = counted(replication.standbys, "connected standby server")
    if replication.is_synchronous:
        return Check(about="standby", detail=f"commits wait for it: {connected}")
    if replication.standbys:
        return Check(about="standby", detail=f"commits do not wait for it ({connected}): {_TO_BE_SYNCHRONOUS}")
    return Check(about="standby", detail="there is none, and no commit waits for one")


def _pooler(pool: Pool) -> Iterator[Check]:
    if pool.check.is_pooled:
        way = (
            "no statement is prepared"
            if not pool.check.prepares
            else "statements are prepared, so its mode has to be session"
        )
        yield Check(about="pooler", detail=f"one is between the gateway and PostgreSQL; {way}")
