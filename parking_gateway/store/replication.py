"""Whether commits wait for a standby, whether there is one, and how far behind it is.

Asked on a connection of its own, because all others may wait.
"""

import asyncio
from typing import Final

import msgspec

from parking_gateway.core.wording import counted
from parking_gateway.store.pool import Pool

_WITHOUT_STANDBY: Final = frozenset({"off", "local"})
"""Values of `synchronous_commit` with which no commit waits."""
# Of other roles, an ordinary role sees neither the waits nor the names of standbys; their number it sees.
_QUERY: Final = """
select
    current_setting('synchronous_standby_names'), current_setting('synchronous_commit'),
    (select count(*) from pg_stat_replication),
    (select count(*) from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database()),
    pg_is_in_recovery()
"""
_POSITION: Final = "select case when not pg_is_in_recovery() then pg_current_wal_lsn()::text end"
# A standby that has just connected has not reported its position. Of one that this role may not see, the state is missing too.
_BEHIND: Final = """
select pg_wal_lsn_diff(%s::pg_lsn, max(flush_lsn))::bigint, coalesce(bool_or(state is not null), false) from pg_stat_replication
"""
_LOOK_AGAIN: Final = 0.01
"""Seconds between two looks at a standby that is behind."""
_REMEDY: Final = (
    "bring the standby back; or, where there is none any more, run: alter system reset synchronous_standby_names;"
    " select pg_reload_conf()"
)

_SYNCHRONOUS_COMMIT: Final = "reset it for the role, the database or the server that has it, such as: alter role parking reset synchronous_commit"


class Replication(msgspec.Struct, frozen=True, kw_only=True):
    """The replication of a server, as the gateway's role sees it."""

    names: str
    """`synchronous_standby_names`."""
    synchronous_commit: str
    standbys: int
    """Standbys that are connected."""
    waiting: int
    """Commits of the gateway's role that wait for a standby."""
    is_standby: bool
    """Whether the server itself is a standby."""

    @property
    def is_synchronous(self) -> bool:
        """Whether a commit waits for a standby."""
        return bool(self.names) and self.synchronous_commit not in _WITHOUT_STANDBY

    @property
    def complaint(self) -> str | None:
        """What is wrong, and what to do. None: nothing is."""
        if not self.names or self.is_standby:
            return None
        if not self.is_synchronous:
            return (
                f"No commit waits for the standby, although synchronous_standby_names = '{self.names}', because"
                f" synchronous_commit = {self.synchronous_commit}: {_SYNCHRONOUS_COMMIT}"
            )
        if not self.standbys:
            waiting = f" ({counted(self.waiting, 'commit')} of the gateway waiting)" if self.waiting else ""
            return (
                f"Every commit waits for a standby (synchronous_standby_names = '{self.names}'), and none is"
                f" connected{waiting}: {_REMEDY}"
            )
        if self.waiting:
            return (
                f"{counted(self.waiting, 'commit')} of the gateway waiting for a standby that is connected and slow"
                f" (synchronous_standby_names = '{self.names}'): if this lasts, {_REMEDY}"
            )
        return None


async def replication_of(pool: Pool) -> Replication:
    """The replication of the server. Raises one of `FAILURES`."""
    async with pool.connect_aside() as connection:
        row = await (await connection.execute(_QUERY)).fetchone()
    names, synchronous_commit, standbys, waiting, is_standby = row or ("", "", 0, 0, False)
    return Replication(
        names=names,
        synchronous_commit=synchronous_commit,
        standbys=standbys,
        waiting=waiting,
        is_standby=is_standby,
    )


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """How far behind the nearest standby is: what a failover would lose if commits do not wait for it."""

    bytes_behind: int
    """Of the server's log at the first look, not on the disk of the standby by then."""
    seconds: float
    """Until they were there, or until the end of the look."""
    is_over: bool
    """Whether they were there at the end of the look."""


async def lag_of(pool: Pool, *, within: float) -> Lag | None:
    """Watch for at most so many seconds how long the nearest standby needs to receive what is written by now.

    None: there is no standby, or this role may not see it (`pg_monitor`). Raises one of `FAILURES`.
    """
    seconds = asyncio.get_running_loop().time
    async with pool.connect_aside() as connection:
        (position,) = await (await connection.execute(_POSITION)).fetchone() or (None,)
        began, first = seconds(), None
        while position is not None:
            behind, is_visible = await (await connection.execute(_BEHIND, [position])).fetchone() or (None, False)
            if not is_visible:
                return None
            first = behind if first is None else first
            passed, is_over = seconds() - began, behind is not None and behind <= 0
            if is_over or passed > within:
                return Lag(bytes_behind=max(0, first or 0), seconds=passed, is_over=is_over)
            await asyncio.sleep(_LOOK_AGAIN)
    return None
