"""Checks the database when a contestant is done."""

from typing import Any, Final

import psycopg

from benchmarks.contestants import Contestant, Failed
from benchmarks.fleet import ExpectedOutcome
from parking_gateway.core.space import LEGAL_STEPS, SpaceState


def has_committed(connection: psycopg.Connection[Any], expected: ExpectedOutcome) -> bool:
    """Whether every uplink is in the table. Until the last one is there, only that one is looked up, by its key.

    The last one alone is not enough, because transactions run at the same time.
    """
    last = expected.last
    statement = "select exists (select from uplink where time = %s and deduplication_id = %s)"
    if connection.execute(statement, [last.time, last.deduplication_id]).fetchone() != (True,):
        return False
    return connection.execute(_ARRIVED, [expected.first_at]).fetchone() == (expected.uplinks,)


def has_committed_all(connection: psycopg.Connection[Any], expected: ExpectedOutcome) -> bool:
    """The same of Telegraf's table. It has no index, so the last uplink is looked for at its end."""
    last = expected.last.deduplication_id
    if connection.execute(_AT_THE_END, [last]).fetchone() != (True,):
        return False
    return connection.execute("select count(*) from telegraf").fetchone() == (expected.uplinks,)


def require_all(connection: psycopg.Connection[Any], expected: ExpectedOutcome) -> None:
    """Check that every uplink is in Telegraf's table once. Raises Failed."""
    found = connection.execute(_ALL).fetchone()
    _require(Contestant.TELEGRAF.words, "uplinks", found, (expected.uplinks, expected.uplinks))


_DUE: Final = """
select exists (select from space where version <> published_version)
    or exists (select from zone where version <> published_version)
    or exists (select from site where version <> published_version)
    or exists (select from device where version <> published_version)
    or exists (select from transition join space on space.id = transition.space where transition.id > published_transition)
"""


def has_published(connection: psycopg.Connection[Any]) -> bool:
    """Whether the broker has confirmed every publication."""
    found = connection.execute(_DUE).fetchone()
    return found is not None and not found[0]


# No uplink of the fleet is older than its first. Older rows are history, and counting them would take long.
_COUNT: Final = "select count(*), count(distinct deduplication_id) from uplink where time >= %s"
_ARRIVED: Final = "select count(*) from uplink where time >= %s"
_ALL: Final = """select count(*), count(distinct "deduplicationId") from telegraf"""
_AT_THE_END: Final = """
select exists (
    select
    from telegraf
    where ctid >= format('(%%s,0)', greatest(pg_relation_size('telegraf') / 8192 - 100, 0))::tid and "deduplicationId" = %s
)
"""
_SPACE_DUE: Final = "select exists (select from space where version <> published_version)"
_CHANGE_DUE: Final = """
select exists (select from space where version <> published_version and version > 1)
    or exists (select from transition join space on space.id = transition.space where transition.id > published_transition)
"""
_CAUSES: Final = "select count(distinct cause) from transition"
_DEADLOCKS: Final = "select deadlocks from pg_stat_database where datname = current_database()"
_LOG: Final = """
select space.id, space.state, array_agg(array["from", "to"] order by transition.id)
from space join transition on transition.space = space.id group by space.id
"""
_OCCUPIED: Final = "select id from space where state = 'OCCUPIED'"


def has_published_changes(connection: psycopg.Connection[Any]) -> bool:
    """Whether the broker has confirmed every change of a space.

    The gateway publishes everything else again too, because a new broker retains nothing. Those rows have their first version.
    """
    found = connection.execute(_CHANGE_DUE).fetchone()
    return found is not None and not found[0]


def has_published_spaces(connection: psycopg.Connection[Any]) -> bool:
    """Whether the broker has confirmed the state of every space."""
    found = connection.execute(_SPACE_DUE).fetchone()
    return found is not None and not found[0]


def steps(connection: psycopg.Connection[Any]) -> int:
    """The number of transitions."""
    found = connection.execute("select count(*) from transition").fetchone()
    return int(found[0]) if found else 0


def require_outcome(contestant: Contestant, connection: psycopg.Connection[Any], expected: ExpectedOutcome) -> None:
    """Check that every uplink and every transition is there once, and every space has its last state. Raises Failed."""
    require_kept(contestant, connection, expected)
    _require(contestant.words, "transitions", steps(connection), expected.transitions)


def require_kept(contestant: Contestant, connection: psycopg.Connection[Any], expected: ExpectedOutcome) -> None:
    """The same without the transitions. Raises Failed."""
    uplinks = connection.execute(_COUNT, [expected.first_at]).fetchone()
    occupied = {space for (space,) in connection.execute(_OCCUPIED)}
    _require(contestant.words, "uplinks", uplinks, (expected.uplinks, expected.uplinks))
    _require(contestant.words, "occupied spaces", occupied, set(expected.occupied))


def require_whole_log(connection: psycopg.Connection[Any]) -> None:
    """Check that the steps of a space are legal, follow one another, and end in its state. Raises Failed."""
    for space, state, log in connection.execute(_LOG):
        now = SpaceState.FREE
        for before, after in log:
            if before != now or after not in LEGAL_STEPS[now]:
                raise Failed(f"Space {space} was {now}, and its log goes on from {before} to {after}")
            now = SpaceState(after)
        _require(f"The log of space {space}", "end", now, state)


def require_no_step_twice(connection: psycopg.Connection[Any], expected: ExpectedOutcome) -> None:
    """Check that every step has its own uplink, and that there are not more steps than changes. Raises Failed."""
    found = steps(connection)
    _require("The log", "number of causes", connection.execute(_CAUSES).fetchone(), (found,))
    if found > expected.transitions:
        raise Failed(f"The log has {found} steps, and only {expected.transitions} changes were sent")


def require_no_deadlock(connection: psycopg.Connection[Any]) -> None:
    """Check that PostgreSQL has ended no deadlock in this database. Call it after its clients have ended. Raises Failed."""
    _require("PostgreSQL", "number of deadlocks", connection.execute(_DEADLOCKS).fetchone(), (0,))


def _require(subject: str, fact: str, found: object, expected: object) -> None:
    if found != expected:
        raise Failed(f"{subject}: wrong {fact}: {found} instead of {expected}")
