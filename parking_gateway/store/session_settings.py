"""The settings of a session on which the meaning of text and of a commit depends: they are pinned.

Settings of a role, a database or a server do not change the pinned ones, because the options of a client override them. A
pooler swallows these options. Then the same settings are made by statements.
"""

from collections.abc import Mapping
from typing import Any, Final

import psycopg

from parking_gateway.store.verdicts import WrongSettings

PINNED: Final = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # A transaction that waited for the row of another one goes on with the committed row. Stricter levels would fail.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # `verdicts` reads the context of an error. Without this, PostgreSQL quotes the content of a message in it.
    "log_parameter_max_length_on_error": "0",
    # A warning is the only sign of a commit that did not wait for the standby.
    "client_min_messages": "warning",
}
"""Settings on which the meaning of text and of a commit depends."""
_REPORTED: Final = ("client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings")
"""Those that every server reports when a client connects."""
_TRACKED: Final = frozenset({"client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings"})
"""Those that PgBouncer makes in every session that works for a client, once the client has made them in one."""
_NO_WARNINGS: Final = frozenset({"error", "fatal", "panic"})


def as_options(settings: Mapping[str, str]) -> str:
    """The settings as libpq's `options`, in which a space is escaped."""
    return " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())


def are_reported(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server reports the pinned settings, as far as it reports settings."""
    reported = {name: connection.pgconn.parameter_status(name.encode()) for name in _REPORTED}
    return all(value is None or value.decode() == PINNED[name] for name, value in reported.items())


async def pin(connection: psycopg.AsyncConnection[Any], settings: Mapping[str, str], *, is_session_ours: bool) -> None:
    """Make the settings by statements, on a connection in autocommit, and compare the result.

    If the next transaction may be in another session, only those are made that PgBouncer tracks. Raises WrongSettings if
    pinned ones differ then.
    """
    for name, value in settings.items():
        if is_session_ours or name in _TRACKED:
            await connection.execute("select set_config(%s, %s, false)", [name, value])
    found = await (await connection.execute(_SHOW, [list(PINNED)])).fetchall()
    wrong = [f"{name} = '{PINNED[name]}' (now {value})" for name, value in found if not _is_equivalent(name, value)]
    if wrong:
        raise WrongSettings(
            f"the pooler leads to sessions with other settings than the gateway needs: {', '.join(wrong)}"
        )


_SHOW: Final = "select name, current_setting(name) from unnest(%s::text[]) as pinned (name)"


def _is_equivalent(name: str, value: str) -> bool:
    """Whether this value does as well as the pinned one. More messages than warnings do no harm."""
    if name == "client_min_messages":
        return value not in _NO_WARNINGS
    return value.lower() == PINNED[name].lower()
