"""Due rows: read, confirmed, and made due again."""

from collections.abc import Callable, Collection, Coroutine, Iterator
from functools import partial
from typing import Any, Final

from parking_gateway.core.due import DueKind
from parking_gateway.core.space import SpaceId
from parking_gateway.store import confirmations, due, tree
from parking_gateway.store.query import Rows
from parking_gateway.store.rows import Arguments
from tests.simulation.rows import Row, Transaction
from tests.simulation.statements.batches import EPOCH, elements, keys, rows
from tests.simulation.statements.spaces import names_of

KNOWN_BY_ID: Final = ("transition", "past_stay", "outgoing", "reservation")
"""Tables of rows that others know by their ids."""
_STATES: Final = ("FREE", "OCCUPIED", "RESERVED", "MAINTENANCE")
_OF_SPACE: Final = [
    "state",
    "since",
    "previous",
    "occupancy",
    "contact",
    "reserved_until",
    "reservation",
    "maintenance_reason",
    "battery_percent",
    "cause",
    "updated_at",
]
_OF_DEVICE: Final = [
    "dev_eui",
    "version",
    "published_version",
    "name",
    "contact",
    "heard_at",
    "battery_percent",
    "battery_volts",
    "rssi",
    "snr",
    "codec",
    "distance_mm",
    "temperature_celsius",
    "counter",
    "counter_in",
    "counter_out",
    "confidence",
    "channels",
    "fault",
    "tamper",
    "problems",
    "uplinks_lost",
    "downlink",
]


def _is_due(row: Row) -> bool:
    return bool(row["version"] != row["published_version"])


def _of_space(transaction: Transaction, row: Row) -> tuple[Any, ...]:
    is_pending = row["state"] == "OCCUPIED" and row["reservation"] is not None and not row["reserved_checked_in"]
    return (
        row["id"],
        row["version"],
        row["published_version"],
        *names_of(transaction, row["id"]),
        *(row[name] for name in _OF_SPACE),
        is_pending,
        row["maintenance_until"],
        row["audience"],
        row["overstay"] == "exceeded",
    )


def _of_device(transaction: Transaction, row: Row) -> tuple[Any, ...]:
    installed = sorted(
        (key[1], one["space_id"]) for key, one in transaction.all("installation") if key[0] == row["dev_eui"]
    )
    observed = (None, None)
    return (
        *(row[name] for name in _OF_DEVICE),
        *observed,
        *names_of(transaction, installed[0][1] if installed else None),
    )


def _of_counts(transaction: Transaction, row: Row) -> tuple[Any, ...]:
    site = transaction.get("site", row["site_id"]) if "site_id" in row else None
    zones = {row["id"]} if site else {key for key, one in transaction.all("zone") if one["site_id"] == row["id"]}
    spaces = [one for _, one in transaction.all("space") if one["zone_id"] in zones]
    states = [one["state"] for one in spaces]
    names = (site["name"], row["name"], None, 0) if site else (row["name"],)
    unreachable = sum(one["contact"] != "live" for one in spaces)
    counted = (len(spaces), *(states.count(one) for one in _STATES), unreachable, None)
    return (row["id"], row["version"], row["published_version"], *names, 0, 0, *counted)


_READ: Final[dict[DueKind, Callable[[Transaction, Row], tuple[Any, ...]]]] = {
    DueKind.SPACE: _of_space,
    DueKind.DEVICE: _of_device,
    DueKind.ZONE: _of_counts,
    DueKind.SITE: _of_counts,
}


async def _page(transaction: Transaction, arguments: Arguments, *, kind: DueKind) -> Rows:
    found = [(key, row) for key, row in transaction.all(kind.value) if key > arguments["after"]]
    page = sorted(found, key=lambda one: one[0])[: tree.PAGE]
    return [_READ[kind](transaction, row) for _, row in page]


async def _due_keys(transaction: Transaction, arguments: Arguments, *, kind: DueKind) -> Rows:
    found = [key for key, row in transaction.all(kind.value) if key > arguments["after"] and _is_due(row)]
    return [(key,) for key in sorted(found)[: arguments["limit"]]]


async def _due_rows(transaction: Transaction, arguments: Arguments, *, kind: DueKind) -> Rows:
    found = [transaction.get(kind.value, key) for key in keys(arguments)]
    return [_READ[kind](transaction, row) for row in found if row is not None and _is_due(row)]


async def _steps(transaction: Transaction, arguments: Arguments) -> Rows:
    spaces = {key: transaction.get("space", key) for key in keys(arguments)}
    found = []
    for number, step in sorted(transaction.all("transition")):
        space = spaces.get(step["space"])
        if space is None or number <= space["published_transition"]:
            continue
        if step["at"] >= (space["published_transition_at"] or EPOCH):
            is_withdrawn = step["withdrawn_at"] is not None
            columns = (step["from"], step["to"], step["at"], step["cause"], step["corrects"], is_withdrawn)
            found.append((step["space"], number, *columns))
    return found[: arguments["limit"]]


async def _confirm(transaction: Transaction, arguments: Arguments, *, kind: DueKind) -> Rows:
    key = "dev_eui" if kind is DueKind.DEVICE else "id"
    answer = []
    for one in sorted(rows(arguments), key=lambda row: row[key]):
        row = await transaction.lock(kind.value, one[key])
        if row is None:
            continue
        is_alone = row["published_version"] == one["published_version"]
        written = {"published_version": one["version"] if is_alone else transaction.never}
        if kind is DueKind.SPACE and one["published_transition"] > row["published_transition"]:
            names = ("published_transition", "published_transition_at")[: 1 + (one["version"] == row["version"])]
            written |= {name: one[name] for name in names}
        transaction.change(kind.value, one[key], **written)
        answer.append((one[key], row["version"] != written["published_version"]))
    return answer


async def _recount_zones(transaction: Transaction, arguments: Arguments) -> Rows:
    await _count_up(transaction, "zone", {row["zone_id"] for row in _given_spaces(transaction, arguments)})
    return ()


async def _recount_sites(transaction: Transaction, arguments: Arguments) -> Rows:
    zones = [transaction.get("zone", row["zone_id"]) for row in _given_spaces(transaction, arguments)]
    await _count_up(transaction, "site", {zone["site_id"] for zone in zones if zone is not None})
    return ()


def _given_spaces(transaction: Transaction, arguments: Arguments) -> Iterator[Row]:
    for key in elements(arguments["id"]):
        row = transaction.get("space", key)
        if row is not None:
            yield row


async def _count_up(transaction: Transaction, table: str, wanted: Collection[int]) -> None:
    for key in sorted(wanted):
        row = await transaction.lock(table, key)
        if row is not None:
            transaction.change(table, key, version=row["version"] + 1)


async def _all_again(transaction: Transaction, _arguments: Arguments, *, kind: DueKind) -> Rows:
    published = sorted(key for key, row in transaction.all(kind.value) if row["published_version"] > 0)
    for key in published:
        row = await transaction.lock(kind.value, key)
        if row is not None and row["published_version"] > 0:
            transaction.change(kind.value, key, published_version=transaction.never)
    return ()


async def _raise_spaces(transaction: Transaction, arguments: Arguments) -> Rows:
    for key in sorted(key for key, _ in transaction.all("space")):
        row = await transaction.lock("space", key)
        if row is not None:
            version = max(row["version"] + 1, int(arguments["number"]))
            transaction.change("space", key, version=version, published_version=transaction.never)
    return ()


async def _raise_ids(transaction: Transaction, arguments: Arguments, *, sequence: str) -> Rows:
    transaction.raise_to(sequence, int(arguments["number"]))
    return [(0,)]


def _statements() -> Iterator[tuple[bytes, Callable[[Transaction, Arguments], Coroutine[Any, Any, Rows]]]]:
    again = confirmations.all_again()
    for query, kind in zip(again, (DueKind.SPACE, DueKind.ZONE, DueKind.SITE, DueKind.DEVICE), strict=True):
        yield query.statement.name, partial(_all_again, kind=kind)
    spaces, *ids = confirmations.raise_versions(0)
    yield spaces.statement.name, _raise_spaces
    for query, sequence in zip(ids, KNOWN_BY_ID, strict=True):
        yield query.statement.name, partial(_raise_ids, sequence=sequence)
    for kind in DueKind:
        yield due.keys(kind, limit=1).statement.name, partial(_due_keys, kind=kind)
        yield due.rows(kind, []).statement.name, partial(_due_rows, kind=kind)
        yield tree.page(kind, after=None).statement.name, partial(_page, kind=kind)
        yield confirmations.confirm(kind, []).statement.name, partial(_confirm, kind=kind)


STATEMENTS: Final = dict(_statements()) | {
    due.steps([SpaceId(0)]).statement.name: _steps,
    b"recount_zones": _recount_zones,
    b"recount_sites": _recount_sites,
}
