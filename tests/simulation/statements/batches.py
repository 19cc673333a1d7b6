"""The arguments of statements, read as PostgreSQL reads them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from parking_gateway.store.rows import Arguments

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
STEP_BACK: Final = timedelta(hours=1)
_TIMES: Final = frozenset(
    {
        "arrived_at",
        "at",
        "battery_at",
        "claimed_at",
        "departed_at",
        "earliest",
        "heard_at",
        "maintenance_until",
        "offered_at",
        "published_transition_at",
        "received_at",
        "receipts",
        "reserved_from",
        "reserved_until",
        "seen_at",
        "service_at",
        "since",
        "time",
        "until",
    }
)
_decode: Final = msgspec.json.Decoder(list[Any]).decode


def elements(array: str) -> list[Any]:
    """The elements of an array."""
    return _decode(f"[{array[1:-1]}]")


def rows(arguments: Arguments) -> Iterator[dict[str, Any]]:
    """The rows of a batch: of all arguments that are arrays."""
    columns = {
        name.removeprefix("batch_"): elements(value)
        for name, value in arguments.items()
        if isinstance(value, str) and value.startswith("{") and name != "place_of_battery"
    }
    for name in _TIMES & columns.keys():
        columns[name] = [value and _time(value) for value in columns[name]]
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(names, values, strict=True))


def keys(arguments: Arguments, name: str = "id") -> list[Any]:
    """The only array of a statement, in the order of its keys, each once."""
    return sorted(set(elements(arguments[name])))


@lru_cache(maxsize=4096)
def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
