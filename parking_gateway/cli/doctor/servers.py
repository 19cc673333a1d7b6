"""The checks of the server of the database: its timeline, its standby, and a pooler before it."""

from collections.abc import Iterator
from typing import Final

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.wording import counted
from parking_gateway.store.pool import Pool
from parking_gateway.store.replication import Lag, Replication, lag_of, replication_of
from parking_gateway.store.verdicts import FAILURES, diagnosis_of

_TO_BE_SYNCHRONOUS: Final = (
    "a failover loses what it has not received; docs/how-to/two-database-servers.md shows how commits wait for it"
)
_LOOK: Final = 2.0
"""Seconds for which the lag of a standby is watched. One that is further behind is wrong."""


async def examine_servers(pool: Pool) -> list[Check]:
    """Check the server that the gateway works on. It has answered before."""
    try:
        replication = await replication_of(pool)
        is_watched = replication.standbys and not replication.is_synchronous
        lag = await lag_of(pool, within=_LOOK) if is_watched else None
    except FAILURES as error:
        detail = f"it cannot be asked: {diagnosis_of(error).sentence}"
        return [Check(about="standby", detail=detail, is_judged=False)]
    return [_server(pool), _standby(replication, lag), *_pooler(pool)]


def _server(pool: Pool) -> Check:
    found, last = pool.check.found, pool.check.known.last
    if found is None:
        detail = "its timeline is not known: it is a standby, or this role may not call pg_control_system()"
        return Check(about="server", detail=detail, is_judged=False)
    detail = f"it has the system identifier {found.system_identifier} and is on timeline {found.timeline}"
    return Check(about="server", detail=f"{detail}. {last.change}" if last and last.change else detail)


def _standby(replication: Replication, lag: Lag | None) -> Check:
    if replication.complaint:
        what, _, remedy = replication.complaint.partition(": ")
        return Check(about="standby", detail=what, fix=remedy[:1].upper() + remedy[1:])
    connected = counted(replication.standbys, "connected standby server")
    if replication.is_synchronous:
        return Check(about="standby", detail=f"commits wait for it: {connected}")
    if replication.standbys:
        return _asynchronous(f"commits do not wait for it ({connected})", lag)
    return Check(about="standby", detail="there is none, and no commit waits for one")


def _asynchronous(words: str, lag: Lag | None) -> Check:
    if lag is None:
        unseen = "how far behind it is, only a member of pg_monitor sees"
        return Check(about="standby", detail=f"{words}; {unseen}: {_TO_BE_SYNCHRONOUS}")
    if lag.is_over:
        behind = f"{lag.bytes_behind:,} bytes or {lag.seconds:.2f} s behind"
        return Check(about="standby", detail=f"{words}, and it is {behind}: {_TO_BE_SYNCHRONOUS}")
    return Check(
        about="standby",
        detail=f"{words}, and it is more than {_LOOK:.0f} s behind ({lag.bytes_behind:,} bytes and more): {_TO_BE_SYNCHRONOUS}",
        fix="Look at the standby's log, at its disk and at the network: a failover now loses all uplinks of that time",
    )


def _pooler(pool: Pool) -> Iterator[Check]:
    if pool.check.is_pooled:
        way = (
            "no statement is prepared"
            if not pool.check.prepares
            else "statements are prepared, so its mode has to be session"
        )
        yield Check(about="pooler", detail=f"one is between the gateway and PostgreSQL; {way}")
