"""Lines of the log as a person reads them. The JSON of the same line has the constant sentence and its fields.

A sentence without an entry here is shown with its fields behind it.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from parking_gateway.core.wording import counted, duration

Fields = Mapping[str, Any]
STARTS: Final = "The gateway starts"
RELOADED: Final = "The configuration was read again"
CHANGED: Final = "A space has changed"
MORE_CHANGED: Final = "More spaces have changed than are shown"


def in_words(sentence: str, fields: Fields) -> str | None:
    """The line in words; None: it has no entry."""
    words = WORDS.get(sentence)
    try:
        return words(fields) if words else None
    except KeyError:  # of a library that has the same sentence
        return None


def _starts(fields: Fields) -> str:
    parts = [
        f"configuration {fields['config']}",
        f"broker {fields['broker']} as {fields['client_id']}",
        f"database {fields['database']}",
    ]
    parts += [f"codecs of {fields['folder']}"] if fields["folder"] else []
    parts += [f"{counted(fields['profiles'], 'device profile')} with a codec"] if fields["profiles"] else []
    return f"parking-gateway {fields['version']} starts as {fields['instance']}: {', '.join(parts)}"


def _changed(fields: Fields) -> str:
    text = f"{fields['site']}/{fields['zone']}/{fields['space']} {fields['before']} → {fields['after']}"
    if fields["withdrawn"]:
        text = f"Withdrawn, because an uplink came late: {text}"
    elif fields["corrects"]:
        text = f"Corrected, because an uplink came late: {text}"
    if fields["by"]:
        text = f"{text} ({fields['by']})"
    return text if fields["at"] is None else f"{text} at {fields['at']}"


def _more_changed(fields: Fields) -> str:
    return f"{counted(fields['steps'], 'more change')} of spaces within a minute: the table transition has all of them"


def _connected(fields: Fields) -> str:
    events = (
        "it has kept our session and the events in it" if fields["session_present"] else "it had no session of ours"
    )
    return f"{_again('broker', fields)}{_where(fields)} (MQTT {fields['protocol']}); {events}"


def _again(about: str, fields: Fields) -> str:
    return f"The {about} is back after {_span(fields)}" if "seconds" in fields else f"Connected to the {about}"


def _lasting(fields: Fields) -> str:
    return f"No connection to the broker{_where(fields)}: {fields['error']}; trying again"


def _where(fields: Fields) -> str:
    return f" at {fields['address']}" if "address" in fields else ""


def _database(begin: str) -> Callable[[Fields], str]:
    def words(fields: Fields) -> str:
        todo = f". {fields['todo']}" if fields.get("todo") else ""
        return f"{begin}: {fields['error']}{todo}; trying again"

    return words


def _rejected(fields: Fields) -> str:
    return f"Rejected a message of {fields['topic']} as {fields['reason']}: {fields['detail']}"


def _drained(fields: Fields) -> str:
    dropped = (
        f"; {counted(fields['dropped'], 'uplink')} of QoS 0 dropped, because it was full" if fields["dropped"] else ""
    )
    return f"Recorded {counted(fields['messages'], 'event')} of the journal, which is empty again after {_span(fields)}{dropped}"


def _partitions(fields: Fields) -> str:
    names = fields["partitions"]
    months = sorted({"-".join(name.split("_")[-2:]) for name in names})
    return f"Made {counted(len(names), 'partition')} of tables, for {', '.join(months)}"


def _over(fields: Fields) -> str:
    return f"Over after {_span(fields)}: {fields.get('problem') or fields['about']}"


def _span(fields: Fields) -> str:
    return duration(timedelta(seconds=fields["seconds"]))


def _examples(fields: Fields, number: str) -> str:
    """The first of these devices."""
    return ", ".join(fields["dev_euis"]) + (", …" if fields[number] > len(fields["dev_euis"]) else "")


WORDS: Final[Mapping[str, Callable[[Fields], str]]] = {
    STARTS: _starts,
    CHANGED: _changed,
    MORE_CHANGED: _more_changed,
    "Connected to the broker": _connected,
    "No connection to the broker": _lasting,
    "The database answers again": lambda fields: _again("database", fields),
    "The database does not answer; trying again": _database("The database does not answer"),
    "The database cannot be used as it is; trying again": _database("The database cannot be used as it is"),
    "The embedded PostgreSQL runs again": lambda fields: f"The embedded PostgreSQL runs again after {_span(fields)}",
    "The journal holds messages of an earlier run; they are recorded first": lambda fields: (
        f"The journal holds {counted(fields['messages'], 'event')} of an earlier run; they are recorded first"
    ),
    "The journal is empty again: its messages are recorded": _drained,
    "Rejected a message": _rejected,
    "Sensors are lost: no uplink came for longer than lost_after; the states of their spaces are kept": lambda fields: (
        f"{counted(fields['count'], 'sensor')} lost, because no uplink came for longer than lost_after:"
        f" {_examples(fields, 'count')}"
    ),
    "Uplinks are missing by their frame counters": lambda fields: (
        f"{counted(fields['uplinks'], 'uplink')} of {counted(fields['devices'], 'device')} missing by their frame counters:"
        f" {_examples(fields, 'devices')}"
    ),
    "Missing uplinks have come": lambda fields: f"{counted(fields['uplinks'], 'missing uplink')} came after all",
    "A problem is over": _over,
    "Made partitions": _partitions,
    RELOADED: lambda fields: f"The configuration was read again: {', '.join(fields['changed']) or 'nothing'} changed",
    "Dropped a month": lambda fields: (
        f"Dropped the month {fields['partition']}, with {counted(fields['archived_rows'] or 0, 'archived row')}"
    ),
    "Metrics and health are served now": lambda fields: f"Metrics and health are served at {fields['listen']}",
    "Retained messages differed from the database and are healed": lambda fields: (
        f"Retained messages differed from the database: {fields['published_again']:,} published again,"
        f" {fields['cleared']:,} cleared"
    ),
    "Healed from ChirpStack's memory": lambda fields: (
        f"Healed {counted(fields['uplinks'], 'uplink')} of {counted(fields['devices'], 'device')} from ChirpStack's memory"
    ),
    "This gateway has never published to this broker; everything is published": lambda _: (
        "This gateway has never published to this broker; everything is published"
    ),
}
