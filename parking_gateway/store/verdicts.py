"""The meaning of an error of the database, decided by its SQLSTATE.

| verdict | cause | consequence |
|---|---|---|
| FAULT | the message: PostgreSQL refuses a value of it | rejection |
| AWAY | the server is away, busy or read-only, or the connection is lost | wait |
| NOT_OURS | an administrator changed something, or has to change it | wait, and log what to do |
| BUG | the gateway, or an unknown error | for messages, the search for the faulty ones; else wait, and log it |

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
from parking_gateway.store import encryption
from parking_gateway.store.tables import metadata


class Verdict(StrEnum):
    """The cause of an error."""

    FAULT = "fault"
    AWAY = "away"
    NOT_OURS = "not ours"
    BUG = "bug"


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """An error of the database, in words."""

    verdict: Verdict
    message: str
    """PostgreSQL's own message in one line, without the statement and its arguments."""
    state: str | None = None
    """The SQLSTATE. None: the error is not PostgreSQL's."""
    about: str = ""
    """The table, constraint or trigger, if the message does not name it."""
    todo: str | None = None
    """The task of an administrator. None: there is none, or it is not known."""
    is_lost: bool = False
    """Whether there was no connection. Then another attempt follows as soon as any other work succeeds."""

    @property
    def sentence(self) -> str:
        """The error, and what to do."""
        what = f"{self.message} ({self.about})" if self.about else self.message
        return f"{what}. {self.todo}" if self.todo else what


class Unconfirmed(Exception):  # noqa: N818 - it is an event
    """A commit is on this server alone, because its wait for the standby was cancelled. It does not count."""


class OldServer(Exception):  # noqa: N818 - it is a finding
    """The server has a lower timeline than an earlier one. It is not written to."""


class WrongSettings(Exception):  # noqa: N818 - it is a finding
    """A pooler leads to sessions with other settings than the gateway needs, and a client cannot make them for all of these."""


class WrongTypes(Exception):  # noqa: N818 - it is a finding
    """A statement returns other types than the schema of this program has."""


FAILURES: Final = (
    sa.exc.DBAPIError,
    sa.exc.TimeoutError,
    psycopg.Error,
    OSError,  # asyncio's TimeoutError is one
    OldServer,
    Unconfirmed,
    WrongSettings,
    WrongTypes,
)
"""Everything that work on the database raises because of the database. All else is a bug."""

_BY_STATE: Final = {
    "25006": Verdict.AWAY,
    "26000": Verdict.AWAY,  # a prepared statement was deallocated, or another server behind a pooler does not have it
    "34000": Verdict.AWAY,
    "42P03": Verdict.AWAY,
    "42P05": Verdict.AWAY,  # a prepared statement of another client behind the same pooler
}
"""States with another verdict than their class."""
_BY_CLASS: Final = {
    "08": Verdict.AWAY,
    "0A": Verdict.AWAY,  # "cached plan must not change result type": a new connection plans anew
    "22": Verdict.FAULT,
    "23": Verdict.FAULT,  # except for `_is_of_no_value`
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

_POOLED: Final = "If a pooler in transaction mode is between: set database.prepare = false"
_TODO: Final = {
    "23502": "An unknown column must not be null: give it a default, or allow null",
    "23503": "The row that this one points to is gone: restore it",
    "23505": "Such a row is there already: set the sequence of the table past its rows (setval)",
    "23514": "Attach the partition of the named table again, such as: alter table uplink attach partition uplink_default default",
    "08P01": "If PgBouncer is between and refuses the options of database.url: set ignore_startup_parameters = options there",
    "25006": "The server is a standby or read-only: it goes on as soon as it can be written to"
    " (default_transaction_read_only, or promote it)",
    "26000": _POOLED,
    "28": "Correct the user and password in database.url, or pg_hba.conf",
    "3D": "Create the database, or correct database.url",
    "3F": "Create the schema, or correct the search_path of the role",
    "42501": "Grant the role of database.url what it lacks: it has to own the tables, or to have all rights on them"
    " (grant all on all tables in schema public to …; grant all on all sequences in schema public to …)",
    "42P05": _POOLED,
    "42P01": "The table was dropped or renamed: rename it back or restore it; in an empty database: parking-gateway migrate",
    "42703": "The column was dropped or renamed: rename it back or restore it",
    "42": "The schema was changed by hand: change it back; `parking-gateway doctor` says which version it has",
    "53100": "The disk of the server is full: make room",
    "53300": "The server or the role allows no more connections: raise the limit, or lower database.pool_size",
    "53400": "The server or the role allows no more: raise the limit",
    "55P03": "Another session holds a lock: pg_stat_activity and pg_locks show it",
    "58": "The server cannot use its files: look at its log",
    "XX": "The server reports an internal error: look at its log",
}
_OURS: Final[dict[type[Exception], tuple[Verdict, str | None]]] = {
    OldServer: (Verdict.NOT_OURS, None),
    Unconfirmed: (Verdict.AWAY, "Bring the standby back, or take it out of the quorum"),
    WrongSettings: (Verdict.NOT_OURS, "Set them for the role of database.url: alter role … set NAME = VALUE"),
    WrongTypes: (Verdict.NOT_OURS, _TODO["42"]),
}
"""The gateway's own findings about a database: the verdict, and what to do."""
_FUNCTION: Final = re.compile(r"^(?:PL/\S+|SQL) function .*$", re.MULTILINE)
_PASSING: Final = ("starting up", "not yet accepting", "shutting down", "recovery mode", "terminating connection")
"""Refusals that pass by themselves. In another language than English they are one more line of the log."""
_NO_CONNECTION: Final = frozenset({"08", "57P01", "57P02", "57P03", "53300"})


def diagnosis_of(error: BaseException) -> Diagnosis:
    """What the error of an attempt means. For one of `FAILURES`; all others are bugs."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    for finding, (verdict, todo) in _OURS.items():
        if isinstance(cause, finding):
            # These two are found while a connection is made.
            is_lost = finding in {OldServer, WrongSettings}
            return Diagnosis(verdict=verdict, message=str(cause), todo=todo, is_lost=is_lost)
    if not isinstance(cause, psycopg.Error):
        verdict = Verdict.AWAY if isinstance(cause, sa.exc.TimeoutError | OSError) else Verdict.BUG
        message = "no answer in time" if isinstance(cause, TimeoutError) else in_one_line(cause)
        return Diagnosis(verdict=verdict, message=message, is_lost=True)
    if cause.sqlstate is None:
        message = in_one_line(cause)
        todo = encryption.todo_of(message) or _todo_of_refusal(message)
        return Diagnosis(verdict=_of_driver(cause), message=message, todo=todo, is_lost=True)
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


def _todo_of_refusal(message: str) -> str | None:
    """What to do about a server that answers and refuses the connection. libpq gives no SQLSTATE of it, only its words."""
    if "session is read-only" in message:  # libpq has looked for a server that may be written to
        return _TODO["25006"]
    is_refused = "FATAL" in message and not any(words in message for words in _PASSING)
    return "The server answers and refuses the connection: correct what it names" if is_refused else None


def _of_driver(cause: psycopg.Error) -> Verdict:
    """What psycopg found by itself: a connection that is lost or was not made, or a value that cannot be sent."""
    if isinstance(cause, psycopg.DataError):
        return Verdict.FAULT
    return Verdict.AWAY if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) else Verdict.BUG


def _is_of_no_value(diag: Diagnostic) -> bool:
    """Whether the reason is not in the values of the row, so that every other row would be refused as well.

    That is: a partition is missing, a column was added that we do not fill, or one of our own keys is violated, which no
    message can violate. A constraint or trigger that an administrator added judges the values, so the message is at fault.
    """
    if diag.sqlstate == "23502":
        return diag.column_name not in _COLUMNS
    return diag.source_function == "ExecFindPartition" or diag.constraint_name in _KEYS


def _about(diag: Diagnostic) -> str:
    """The constraint, table or trigger of the error, if the message does not name it."""
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
