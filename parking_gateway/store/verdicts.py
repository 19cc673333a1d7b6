"""What an error of the database means: decided here, by its SQLSTATE, for everybody who works on it.

| verdict | whose fault | then |
|---|---|---|
| FAULT | the message's: PostgreSQL understood the statement and refuses a value in it | rejection |
| AWAY | nobody's: the server is away, busy or read-only, or the connection is of no use any more | wait |
| NOT_OURS | an administrator has changed something, or has to | wait, and say what to do |
| BUG | ours, or nobody foresaw it | where messages are recorded, the net beneath them; else wait, and say it |

Pure: no I/O, no clock.
"""

import re
from enum import StrEnum
from typing import Final

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg.errors import Diagnostic

from parking_gateway.core.printable import in_one_line
from parking_gateway.store.tables import metadata


class Verdict(StrEnum):
    """Whose fault an error is."""

    FAULT = "fault"
    AWAY = "away"
    NOT_OURS = "not ours"
    BUG = "bug"


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What an error of the database means, in words."""

    verdict: Verdict
    message: str
    """PostgreSQL's own words in one line, without the statement and its arguments."""
    state: str | None = None
    """The SQLSTATE. None: it was not PostgreSQL that said it."""
    about: str = ""
    """What it is about, where those words do not name it."""
    todo: str | None = None
    """What an administrator has to do. None: nothing, or it is not known."""
    is_lost: bool = False
    """Whether there was no connection. Then the success of any other work makes another attempt worthwhile."""

    @property
    def sentence(self) -> str:
        """What is wrong, and what to do."""
        what = f"{self.message} ({self.about})" if self.about else self.message
        return f"{what}. {self.todo}" if self.todo else what


class Unconfirmed(Exception):  # noqa: N818 - what happened to a commit
    """A commit is on this server alone: its wait for the standby was cancelled. It counts as none."""


class WrongTypes(Exception):  # noqa: N818 - what we found
    """A statement returns other types than the schema of this program has."""


FAILURES: Final = (
    sa.exc.DBAPIError,
    sa.exc.TimeoutError,
    psycopg.Error,
    OSError,  # asyncio's TimeoutError is one
    Unconfirmed,
    WrongTypes,
)
"""Everything that work on the database raises because of the database. All else is a bug."""

_BY_STATE: Final = {
    "25006": Verdict.AWAY,
    "26000": Verdict.AWAY,  # a prepared statement that somebody deallocated, or a pooler's other server does not have
    "34000": Verdict.AWAY,
    "42P03": Verdict.AWAY,
    "42P05": Verdict.AWAY,  # a prepared statement of somebody else behind the same pooler
}
"""What is told apart from its class."""
_BY_CLASS: Final = {
    "08": Verdict.AWAY,
    "0A": Verdict.AWAY,  # "cached plan must not change result type": a new connection plans anew
    "22": Verdict.FAULT,
    "23": Verdict.FAULT,  # but for what `_is_of_no_value` finds
    "25": Verdict.AWAY,
    "28": Verdict.NOT_OURS,
    "3B": Verdict.AWAY,
    "3D": Verdict.NOT_OURS,
    "3F": Verdict.NOT_OURS,
    "40": Verdict.AWAY,
    "42": Verdict.NOT_OURS,
    "53": Verdict.AWAY,
    "54": Verdict.FAULT,
    "55": Verdict.AWAY,
    "57": Verdict.AWAY,
    # A disk or a page that cannot be read, a catalogue that changed beneath us, a pooler that has lost its server: a new
    # connection or a repaired disk cures it, and meanwhile the broker keeps the messages. An end of the process would not.
    "58": Verdict.AWAY,
    "72": Verdict.AWAY,
    "F0": Verdict.AWAY,
    "HV": Verdict.AWAY,
    "XX": Verdict.AWAY,
}
"""By the first two characters of the SQLSTATE. A class that is not here is a bug."""

_TODO: Final = {
    "23502": "A column that this program does not know must not be null: give it a default, or allow null",
    "23503": "The row that this one points to is gone: restore it",
    "23505": "Such a row is there already: set the sequence of the table past its rows (setval)",
    "23514": "Attach the partition again: alter table uplink attach partition uplink_default default",
    "25006": "The server is a standby or read-only: it goes on as soon as it can be written to"
    " (default_transaction_read_only, or promote it)",
    "28": "Correct the user and password in database.url, or pg_hba.conf",
    "3D": "Create the database, or correct database.url",
    "3F": "Create the schema, or correct the search_path of the role",
    "42501": "Grant the role of database.url what it lacks: it has to own the tables, or to have all rights on them"
    " (grant all on all tables in schema public to …; grant all on all sequences in schema public to …)",
    "42P01": "The table was dropped or renamed: rename it back or restore it; in an empty database: parking-gateway migrate",
    "42703": "The column was dropped or renamed: rename it back or restore it",
    "42": "The schema was changed by hand: change it back; `parking-gateway doctor` says which version it has",
    "53100": "The disk of the server is full: make room",
    "53300": "The server or the role allows no more connections: raise the limit, or lower database.pool_size",
    "53400": "The server or the role allows no more: raise the limit",
    "55P03": "Somebody holds a lock: pg_stat_activity and pg_locks show who",
    "58": "The server cannot use its files: look at its log",
    "XX": "The server reports an internal error: look at its log",
}
_FUNCTION: Final = re.compile(r"^(?:PL/\S+|SQL) function .*$", re.MULTILINE)
_NO_CONNECTION: Final = frozenset({"08", "57P01", "57P02", "57P03", "53300"})


def diagnosis_of(error: BaseException) -> Diagnosis:
    """What the error of an attempt means. For one of `FAILURES`; all others are bugs."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, Unconfirmed):
        return Diagnosis(
            verdict=Verdict.AWAY, message=str(cause), todo="Bring the standby back, or take it out of the quorum"
        )
    if isinstance(cause, WrongTypes):
        return Diagnosis(verdict=Verdict.NOT_OURS, message=str(cause), todo=_TODO["42"])
    if not isinstance(cause, psycopg.Error):
        verdict = Verdict.AWAY if isinstance(cause, sa.exc.TimeoutError | OSError) else Verdict.BUG
        message = "no answer in time" if isinstance(cause, TimeoutError) else in_one_line(cause)
        return Diagnosis(verdict=verdict, message=message, is_lost=True)
    if cause.sqlstate is None:
        return Diagnosis(verdict=_of_driver(cause), message=in_one_line(cause), is_lost=True)
    return _of_server(cause.sqlstate, cause.diag)


def _of_server(state: str, diag: Diagnostic) -> Diagnosis:
    verdict = _BY_STATE.get(state) or _BY_CLASS.get(state[:2], Verdict.BUG)
    # Where in PostgreSQL it was raised does not depend on lc_messages, as its words do.
    if diag.source_function == "ExecPartitionCheckEmitError":
        verdict = Verdict.AWAY  # the row's partition was made while the row was on its way to another one
    elif state[:2] == "23" and _is_of_no_value(diag):
        verdict = Verdict.NOT_OURS
    message = " ".join((diag.message_primary or state).split())
    if verdict is Verdict.FAULT:
        return Diagnosis(verdict=verdict, message=message, state=state, about=_about(diag))
    todo = next((_TODO[key] for key in (state, state[:2]) if key in _TODO), None)
    is_lost = state in _NO_CONNECTION or state[:2] in _NO_CONNECTION
    return Diagnosis(verdict=verdict, message=message, state=state, about=_about(diag), todo=todo, is_lost=is_lost)


def _of_driver(cause: psycopg.Error) -> Verdict:
    """What psycopg found by itself: a connection that is lost or was not made, or a value that cannot be sent."""
    if isinstance(cause, psycopg.DataError):
        return Verdict.FAULT
    return Verdict.AWAY if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) else Verdict.BUG


def _is_of_no_value(diag: Diagnostic) -> bool:
    """Whether a row is refused for a reason that is not in its values, so that every other row would be refused as well.

    That is: a partition is missing, a column was added that we do not fill, or one of our own keys is violated, which no
    message can bring about. What somebody's constraint or trigger says of a value is the message's fault.
    """
    if diag.sqlstate == "23502":
        return diag.column_name not in _COLUMNS
    return diag.source_function == "ExecFindPartition" or diag.constraint_name in _KEYS


def _about(diag: Diagnostic) -> str:
    """What the error is about, where its words do not name it: a constraint, a table, somebody's trigger."""
    named_by = {"constraint": diag.constraint_name, "table": diag.table_name}
    named = [f"{kind} {name}" for kind, name in named_by.items() if name and name not in (diag.message_primary or "")]
    if function := _FUNCTION.search(diag.context or ""):
        named.append(function.group())
    return ", ".join(named)


_COLUMNS: Final = frozenset(column.name for table in metadata.tables.values() for column in table.columns)
_KEYS: Final = frozenset(
    str(constraint.name)
    for table in metadata.tables.values()
    for constraint in table.constraints
    if not isinstance(constraint, sa.CheckConstraint)
)
