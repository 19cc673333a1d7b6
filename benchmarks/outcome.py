"""What a database has to show when a contestant is done, and whether it does."""

from typing import Any, Final

import psycopg

from benchmarks.contestants import Contestant, Failed
from benchmarks.fleet import Told
from parking_gateway.core.space import LEGAL_STEPS, SpaceState


def has_committed(connection: psycopg.Connection[Any], told: Told) -> bool:
    """Whether every uplink is in the table. They are counted once the last one is there: one look into an index until then.

    That one alone does not say it, because transactions run beside each other.
    """
    last = told.last
    statement = "select exists (select from uplink where time = %s and deduplication_id = %s)"
    if connection.execute(statement, [last.time, last.deduplication_id]).fetchone() != (True,):
        return False
    return connection.execute(_ARRIVED, [told.first_at]).fetchone() == (told.uplinks,)


_DUE: Final = """
select exists (select from space where version <> published_version)
    or exists (select from zone where version <> published_version)
    or exists (select from site where version <> published_version)
    or exists (select from device where version <> published_version)
    or exists (select from transition join space on space.id = transition.space where transition.id > published_transition)
"""


def has_published(connection: psycopg.Connection[Any]) -> bool:
    """Whether the broker has confirmed everything that the gateway has to say."""
    found = connection.execute(_DUE).fetchone()
    return found is not None and not found[0]


# Nothing that the fleet said is older than its first word; what is, is history that nobody need count.
_COUNT: Final = "select count(*), count(distinct deduplication_id) from uplink where time >= %s"
_ARRIVED: Final = "select count(*) from uplink where time >= %s"
_SPACE_DUE: Final = "select exists (select from space where version <> published_version)"
_CAUSES: Final = "select count(distinct cause) from transition"
_DEADLOCKS: Final = "select deadlocks from pg_stat_database where datname = current_database()"
_LOG: Final = """
select space.id, space.state, array_agg(array["from", "to"] order by transition.id)
from space join transition on transition.space = space.id group by space.id
"""
_OCCUPIED: Final = "select id from space where state = 'OCCUPIED'"


def has_published_spaces(connection: psycopg.Connection[Any]) -> bool:
    """Whether the broker has confirmed the state of every space."""
    found = connection.execute(_SPACE_DUE).fetchone()
    return found is not None and not found[0]


def steps(connection: psycopg.Connection[Any]) -> int:
    """How long the log of transitions is."""
    found = connection.execute("select count(*) from transition").fetchone()
    return int(found[0]) if found else 0


def require_right(contestant: Contestant, connection: psycopg.Connection[Any], told: Told) -> None:
    """Every uplink is there once, every change of a space too, and every space is as its sensor last said.

    Raises Failed.
    """
    require_kept(contestant, connection, told)
    _require(contestant.words, "transitions", steps(connection), told.transitions)


def require_kept(contestant: Contestant, connection: psycopg.Connection[Any], told: Told) -> None:
    """The same but for the steps between. Raises Failed."""
    uplinks = connection.execute(_COUNT, [told.first_at]).fetchone()
    occupied = {space for (space,) in connection.execute(_OCCUPIED)}
    _require(contestant.words, "uplinks", uplinks, (told.uplinks, told.uplinks))
    _require(contestant.words, "occupied spaces", occupied, set(told.occupied))


def require_whole_log(connection: psycopg.Connection[Any]) -> None:
    """Every step is legal, begins where the one before it ended, and the last one ends in the space's state.

    Raises Failed.
    """
    for space, state, log in connection.execute(_LOG):
        now = SpaceState.FREE
        for before, after in log:
            if before != now or after not in LEGAL_STEPS[now]:
                raise Failed(f"Space {space} was {now}, and its log goes on from {before} to {after}")
            now = SpaceState(after)
        _require(f"The log of space {space}", "end", now, state)


def require_no_step_twice(connection: psycopg.Connection[Any], told: Told) -> None:
    """Every step has an uplink of its own, and there are no more of them than changes were told. Raises Failed."""
    found = steps(connection)
    _require("The log", "number of causes", connection.execute(_CAUSES).fetchone(), (found,))
    if found > told.transitions:
        raise Failed(f"The log has {found} steps, and only {told.transitions} changes were told")


def require_no_deadlock(connection: psycopg.Connection[Any]) -> None:
    """PostgreSQL had to break none up in this database. Asked when its clients are gone. Raises Failed."""
    _require("PostgreSQL", "number of deadlocks", connection.execute(_DEADLOCKS).fetchone(), (0,))


def _require(whose: str, what: str, found: object, right: object) -> None:
    if found != right:
        raise Failed(f"{whose}: wrong {what}: {found} instead of {right}")
